import type { Test } from 'tap';
import type { TestIssuer } from '../helper.js';
import { aKeyFolder } from '../keys/support.js';
import { logIn } from '../rfc/setup.js';
import { type Administered, administered, askAs, tokenOf } from './admin-support.js';
import { keyAdminOf } from './ring-support.js';
import { sidOf } from './support.js';

/** An administrator of an issuer that has `office`, with keys that can be rotated. */
export async function administeredWithKeys(t: Test, issuer: TestIssuer): Promise<Administered> {
  const { store } = await aKeyFolder(t);
  Object.assign(
    issuer.deps.keyAdmin,
    keyAdminOf(store, () => issuer.clock.now),
  );
  return administered(issuer);
}

/** One request to each operation of the administration that does what it is there for. */
export async function doEverything({ issuer, ask }: Administered): Promise<void> {
  const made = await ask('POST', '/admin/users', { username: 'toured', roles: ['x'] });
  const user = `/admin/users/${made.body['id']}`;
  await ask('GET', '/admin/users?limit=1');
  await ask('GET', user);
  await ask('PATCH', user, { roles: [] });
  await ask('PUT', `${user}/password`);
  await ask('PUT', `${user}/password`, { password: 'battery staple 42' });
  await ask(
    'DELETE',
    `/admin/sessions/${sidOf(await logIn(issuer, { username: 'toured', password: 'battery staple 42' }))}`,
  );
  await ask('GET', '/admin/sessions?ended=true');
  await ask('DELETE', `${user}/sessions`);
  await ask('DELETE', user);
  const client = '/admin/clients/toured';
  await ask('POST', '/admin/clients', { client_id: 'toured', kind: 'confidential', grants: ['client_credentials'] });
  await ask('GET', '/admin/clients?limit=1');
  await ask('GET', client);
  await ask('PATCH', client, { name: 'Toured' });
  await ask('POST', `${client}/secret`);
  await ask('DELETE', `${client}/sessions`);
  await ask('DELETE', client);
  await ask('GET', '/admin/keys');
  await ask('POST', '/admin/keys/rotate');
}

/** Requests that are refused, one for each status but 500; whoever asks has done everything. */
export async function beRefused({ issuer, token, ask }: Administered): Promise<void> {
  const users = '/admin/users';
  const nobody = `${users}/${crypto.randomUUID()}`;
  await ask('POST', users, { username: 'refused' });
  await ask('POST', users, { username: 'refused' });
  await ask('POST', users, { username: '' });
  await ask('POST', users, { x: 1 });
  await ask('POST', users, '{');
  await ask('POST', users, { username: 'x'.repeat(17_000) });
  await ask('POST', users, {}, { 'content-type': 'text/plain' });
  await ask('GET', `${users}?access_token=${token}`);
  await ask('GET', nobody);
  await ask('PATCH', '/admin/clients/office', {}, { 'if-match': 'x' });
  await ask('POST', '/admin/keys/rotate');
  await askAs(issuer, 'x', 'GET', users);
  await askAs(issuer, await tokenOf(issuer, 'office', { scope: 'read' }), 'GET', users);
}
