import t, { type Test } from 'tap';
import { buildApp } from '../../src/app.js';
import { readConfig } from '../../src/config.js';
import { networkOf, proxyTest } from '../../src/http/sender.js';
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

const OWN = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/;

t.test('a request is named by a trusted proxy, in few characters, and else anew', async (t) => {
  const issuer = await issuerWithClients(t);
  const cases: readonly (readonly [proxies: TrustedProxies, given: string | undefined, isTaken: boolean])[] = [
    [0, 'abc-123', false],
    [1, 'abc-123', true],
    [1, undefined, false],
    [1, '', false],
    [1, 'x'.repeat(64), true],
    [1, 'x'.repeat(65), false],
    [1, 'a b', false],
    [1, 'a"b', false],
    [1, 'é', false],
    [1, 'one, two', false],
    [[PEER], 'abc-123', true],
    [['10.0.0.0/8'], 'abc-123', true],
    [['2001:db8::/32', '10.0.0.0/31'], 'abc-123', true],
    [['192.0.2.0/24', '2001:db8::1'], 'abc-123', false],
  ];
  for (const [proxies, given, isTaken] of cases) {
    const { app } = await behind(t, issuer, proxies);
    const headers = { 'x-forwarded-for': CLIENT, ...(given !== undefined && { 'x-request-id': given }) };
    const from = { remoteAddress: PEER, headers };
    const what = `${proxies} ${given}`;
    issuer.log.length = 0;
    const said = (await app.inject({ ...from, url: '/userinfo' })).headers['x-request-id'];
    if (isTaken) t.equal(said, given, what);
    else t.match(said, OWN, what);
    const lines = issuer.log.map((line) => JSON.parse(line));
    t.ok(lines.length >= 2, 'it was refused, and told of as a request');
    t.ok(
      lines.every(({ requestId }) => requestId === said),
      `${what}: it stands in every line`,
    );
  }
});

t.test('every answer names its request', async (t) => {
  const { app } = await issuerWithClients(t);
  const urls = ['/livez', '/nothing', '/token', '/%zz', '/livez?password=x', '/.well-known/jwks.json'];
  const ids = await Promise.all(urls.map(async (url) => (await app.inject(url)).headers['x-request-id']));
  for (const id of ids) t.match(id, OWN);
  t.equal(new Set(ids).size, urls.length, 'and no two alike');
});

t.test('a proxy is one by the address it connects from, however that is written', (t) => {
  const isProxy = proxyTest(['10.0.0.0/8', '2001:db8::/32']);
  const rows: readonly (readonly [address: string | undefined, is: boolean])[] = [
    ['10.1.2.3', true],
    ['::ffff:10.1.2.3', true],
    ['11.1.2.3', false],
    ['2001:db8::5%eth0', true],
    ['2001:db9::5', false],
    [undefined, false],
    ['', false],
    ['proxy', false],
  ];
  for (const [address, is] of rows) t.equal(isProxy(address), is, String(address));
  t.end();
});
