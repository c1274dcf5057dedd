import t from 'tap';
import { ADMIN, mayAdminister } from '../../src/oauth/admin.js';
import { entityTag, revisionIn } from '../../src/oauth/precondition.js';
import { aClient, ISSUER } from '../helper.js';

type Row = readonly [
  sentence: string,
  who: { scope?: string[]; audiences?: string[]; scopes?: string[]; roles?: string[] | null },
  refused: string | null,
];

const ROWS: readonly Row[] = [
  ['a service with scope and audience', {}, null],
  ['among other scopes', { scope: ['read', ADMIN], scopes: [ADMIN, 'read'] }, null],
  ['a person with the role', { roles: ['staff', ADMIN] }, null],
  ['a person without it', { roles: ['staff'] }, 'admin_role_missing'],
  ['a role that only looks like it', { roles: ['mintd.Admin', 'mintd', 'mintd.admin2'] }, 'admin_role_missing'],
  ['another scope', { scope: ['read'] }, 'admin_scope_missing'],
  ['no scope', { scope: [] }, 'admin_scope_missing'],
  ['a client that may not have it any more', { scopes: ['read'] }, 'admin_scope_missing'],
  ['for another', { audiences: ['https://api.example'] }, 'admin_audience_missing'],
  [
    'for another as well, who could use it here',
    { audiences: [ISSUER, 'https://api.example'] },
    'admin_audience_missing',
  ],
  ['for nobody', { audiences: [] }, 'admin_audience_missing'],
  ['almost for mintd', { audiences: [`${ISSUER}/`] }, 'admin_audience_missing'],
];

t.test('who may administer', async (t) => {
  for (const [sentence, who, refused] of ROWS) {
    const { scope = [ADMIN], audiences = [ISSUER], scopes = [ADMIN], roles = null } = who;
    const may = mayAdminister({ scope, audiences }, aClient({ scopes }), roles === null ? null : { roles }, ISSUER);
    t.equal(may.ok ? null : may.refusal.reason, refused, sentence);
  }
});

t.test('If-Match names one revision, or any', async (t) => {
  t.equal(revisionIn(entityTag(7)), 7);
  t.equal(revisionIn(` ${entityTag(0)} `), 0);
  for (const any of [undefined, '*', ' * ']) t.equal(revisionIn(any), undefined);
  const none = revisionIn('"x"');
  for (const other of ['', '7', 'W/"7"', '"7", "8"', '"-1"', '"07x"', '"12345678901234"']) {
    t.equal(revisionIn(other), none, `${other} is no revision there could be`);
  }
  t.not(none, undefined);
});
