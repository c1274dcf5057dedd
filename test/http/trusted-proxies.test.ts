import t, { type Test } from 'tap';
import { buildApp } from '../../src/app.js';
import { readConfig } from '../../src/config.js';
import { networkOf } from '../../src/http/sender.js';
import { failureKey } from '../../src/oauth/login-limits.js';
import type { TrustedProxies } from '../../src/oauth/trusted-proxies.js';
import { guess } from '../accounts/support.js';
import { faultsOf, PRODUCTION } from '../cli/harness.js';
import { PASSWORD, type TestIssuer } from '../helper.js';
import { FORM, issuerWithClients, loginForm, send } from '../rfc/setup.js';

/** Whoever is connected: a proxy, or somebody who says so. */
const PEER = '10.0.0.1';
const CLIENT = '203.0.113.9';
const SPOOFED = '192.0.2.200';

/** The same issuer behind proxies that are trusted. */
async function behind(t: Test, issuer: TestIssuer, trustedProxies: TrustedProxies): Promise<TestIssuer> {
  const app = await buildApp({ ...issuer.deps, trustedProxies });
  t.teardown(() => app.close());
  return { ...issuer, app };
}

type Asked = { readonly forwarded?: string | string[]; readonly peer?: string; readonly password?: string };

function logInBehind(issuer: TestIssuer, { forwarded, peer = PEER, password = PASSWORD }: Asked) {
  const headers = { 'content-type': FORM, ...(forwarded !== undefined && { 'x-forwarded-for': forwarded }) };
  const payload = new URLSearchParams(loginForm({ password })).toString();
  // Others do not say where a client is, whoever sends them.
  const more = { 'x-real-ip': SPOOFED, forwarded: `for=${SPOOFED}`, 'x-client-ip': SPOOFED };
  return send(issuer, {
    method: 'POST',
    url: '/token',
    remoteAddress: peer,
    headers: { ...more, ...headers } as Record<string, string>,
    payload,
  });
}

/** The address of the newest session, and whether a failure from there is counted by the same. */
async function addressSeen(t: Test, issuer: TestIssuer, asked: Asked): Promise<string | null> {
  const { prisma } = issuer.database;
  await prisma.family.deleteMany();
  await logInBehind(issuer, asked);
  const { address } = await prisma.family.findFirstOrThrow();
  await prisma.loginFailures.deleteMany();
  await logInBehind(issuer, { ...asked, password: 'wrong' });
  const key = failureKey('address', networkOf(address));
  t.equal(await prisma.loginFailures.count({ where: { key } }), 1, `counted by the same: ${address}`);
  return address;
}

type Case = readonly [proxies: string, asked: Asked, seen: string];

const CASES: readonly Case[] = [
  ['off', {}, PEER],
  ['off', { forwarded: CLIENT }, PEER],
  ['1', {}, PEER],
  ['1', { forwarded: CLIENT }, CLIENT],
  ['1', { forwarded: `${SPOOFED}, ${CLIENT}` }, CLIENT],
  ['1', { forwarded: `${SPOOFED},${SPOOFED} ,  ${CLIENT}` }, CLIENT],
  ['1', { forwarded: [SPOOFED, CLIENT] }, CLIENT],
  ['1', { forwarded: '' }, PEER],
  ['1', { forwarded: ' , ' }, PEER],
  ['1', { forwarded: 'unknown' }, PEER],
  ['1', { forwarded: `${CLIENT}, <script>` }, PEER],
  ['1', { forwarded: `${CLIENT}:4711` }, PEER],
  ['1', { forwarded: 'x'.repeat(4000) }, PEER],
  ['1', { forwarded: '2001:DB8:0:0::9' }, '2001:db8::9'],
  ['1', { forwarded: '::ffff:203.0.113.9' }, CLIENT],
  ['1', { forwarded: 'fe80::1%eth0' }, 'fe80::1'],
  ['1', { forwarded: CLIENT, peer: '::1' }, CLIENT],
  ['2', { forwarded: `${CLIENT}, 10.0.0.2` }, CLIENT],
  ['2', { forwarded: `${SPOOFED}, ${CLIENT}, 10.0.0.2` }, CLIENT],
  ['2', { forwarded: CLIENT }, CLIENT],
  ['10.0.0.0/8, 2001:db8:ff::/48', { forwarded: `${SPOOFED}, ${CLIENT}` }, CLIENT],
  ['10.0.0.0/8, 2001:db8:ff::/48', { forwarded: `${SPOOFED}, ${CLIENT}, 10.9.9.9` }, CLIENT],
  ['10.0.0.0/8, 2001:db8:ff::/48', { forwarded: `${CLIENT}, 2001:db8:ff::3` }, CLIENT],
  ['10.0.0.0/8', { forwarded: CLIENT, peer: '::ffff:10.0.0.1' }, CLIENT],
  ['10.0.0.0/8', { forwarded: SPOOFED, peer: CLIENT }, CLIENT],
  ['10.0.0.0/8', { forwarded: 'garbage' }, PEER],
  ['10.0.0.0/8', { forwarded: `${CLIENT}, garbage, 10.9.9.9` }, PEER],
  ['10.0.0.1', { forwarded: CLIENT }, CLIENT],
  ['10.0.0.2', { forwarded: SPOOFED }, PEER],
];

t.test('the address of a client, in its session and in the counters', async (t) => {
  const issuer = await issuerWithClients(t);
  for (const proxies of new Set(CASES.map(([name]) => name))) {
    const here = await behind(t, issuer, readConfig({ TRUST_PROXY: proxies }).TRUST_PROXY);
    for (const [, asked, seen] of CASES.filter(([name]) => name === proxies)) {
      const what = `TRUST_PROXY=${proxies}: ${JSON.stringify(asked).slice(0, 80)}`;
      t.equal(await addressSeen(t, here, asked), seen, what);
    }
  }
});

t.test('nobody escapes the limit of an address by what the own requests say', async (t) => {
  const limits = { failuresPerAccount: 0, failuresPerAddress: 3, windowSeconds: 60 };
  const issuer = await behind(t, await issuerWithClients(t, { overrides: { accounts: { limits } } }), 1);
  const statuses: number[] = [];
  for (let i = 0; i < 5; i++) {
    const forwarded = `192.0.2.${i}, ${CLIENT}`;
    statuses.push((await logInBehind(issuer, { forwarded, password: 'wrong' })).status);
  }
  t.strictSame(statuses, [400, 400, 400, 429, 429]);
  t.equal((await guess(issuer, 'nobody', '198.51.100.1')).status, 400, 'others are not blocked');
});

t.test('what TRUST_PROXY may be', async (t) => {
  const good: readonly (readonly [text: string, proxies: TrustedProxies])[] = [
    ['off', 0],
    ['0', 0],
    ['1', 1],
    ['16', 16],
    ['10.0.0.1', ['10.0.0.1']],
    ['10.0.0.0/8,192.168.0.0/16', ['10.0.0.0/8', '192.168.0.0/16']],
    ['::1, fd00::/8', ['::1', 'fd00::/8']],
  ];
  for (const [text, proxies] of good) t.strictSame(readConfig({ TRUST_PROXY: text }).TRUST_PROXY, proxies, text);
  const bad = ['17', '-1', '1.5', 'on', 'true', '*', 'all', 'loopback', 'proxy.example', '10.0.0.0/33', '10.0.0.1,'];
  const mistakable = ['10/8', '010.0.0.0/8', '10.0.0.0/08', '0x0a.0.0.0/8', 'fe80::1%eth0', '10.0.0.1 10.0.0.2'];
  for (const text of [...bad, ...mistakable, '0.0.0.0/0', '::/0', '1,10.0.0.1', ' ']) {
    t.match(faultsOf({ ...PRODUCTION, TRUST_PROXY: text }), [/^TRUST_PROXY must be off, a number of proxies/], text);
  }
});
