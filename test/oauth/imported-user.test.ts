import t from 'tap';
import { bcryptCost } from '../../src/oauth/bcrypt-hash.js';
import { checkImportedUser, unknownMembers } from '../../src/oauth/imported-user.js';

const NOW = Date.UTC(2026, 0, 1);
const REST = 'abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234';
const HASH = `$2b$10$${REST}`;
const ADA = { username: 'ada', password_hash: HASH };

t.test('the least and the most that can be said of an imported user', async (t) => {
  t.strictSame(checkImportedUser(ADA, NOW), {
    username: { display: 'ada', key: 'ada' },
    email: null,
    roles: [],
    passwordHash: HASH,
    bcryptCost: 10,
    createdAt: null,
    id: null,
    isDisabled: false,
  });
  const all = {
    ...{ username: 'Ada', email: 'Ada@Example.org', roles: ['admin', 'staff'], password_hash: `$2y$12$${REST}` },
    ...{ id: '3F0C1C5E-7E0B-4F4E-9F0A-0D6B8A4C2E11', disabled: true, created_at: '2024-02-29T23:59:59.123456+00:00' },
  };
  t.strictSame(checkImportedUser(all, NOW), {
    username: { display: 'Ada', key: 'ada' },
    email: { display: 'Ada@Example.org', key: 'ada@example.org' },
    roles: ['admin', 'staff'],
    passwordHash: `$2y$12$${REST}`,
    bcryptCost: 12,
    createdAt: Date.UTC(2024, 1, 29, 23, 59, 59, 123),
    id: '3f0c1c5e-7e0b-4f4e-9f0a-0d6b8a4c2e11',
    isDisabled: true,
  });
});

t.test('texts as CSV has them, and null for what is not said', async (t) => {
  t.match(checkImportedUser({ ...ADA, roles: ' admin  staff ' }, NOW), { roles: ['admin', 'staff'] });
  t.match(checkImportedUser({ ...ADA, disabled: 'true' }, NOW), { isDisabled: true });
  t.match(checkImportedUser({ ...ADA, disabled: 'false' }, NOW), { isDisabled: false });
  const silent = { email: null, roles: null, id: undefined, disabled: null, created_at: null };
  t.match(checkImportedUser({ ...ADA, ...silent }, NOW), { email: null, roles: [], id: null, createdAt: null });
  t.match(checkImportedUser({ ...ADA, username: 'a@b' }, NOW), { email: { key: 'a@b' } }, 'an address is its own');
});

t.test('what cannot be imported, with the reason', async (t) => {
  const rows: readonly (readonly [change: Record<string, unknown>, why: RegExp])[] = [
    [{ username: null }, /^username is missing$/],
    [{ password_hash: undefined }, /^password_hash is missing$/],
    [{ username: '' }, /user name is empty/],
    [{ username: 7 }, /^username is not a text$/],
    [{ username: 'a'.repeat(129) }, /longer than 128/],
    [{ username: 'ad\0a' }, /invisible/],
    [{ username: 'ad\u200ba' }, /invisible/],
    [{ username: 'ad\ud800a' }, /invisible/],
    [{ username: 'ad\na' }, /invisible/],
    [{ username: 'a@b', email: 'c@d' }, /own e-mail address/],
    [{ email: '' }, /not an e-mail address/],
    [{ email: 'nowhere' }, /not an e-mail address/],
    [{ email: ['a@b'] }, /^email is not a text$/],
    [{ roles: ['two words'] }, /a role is/],
    [{ roles: ['é'] }, /a role is/],
    [{ roles: 'x'.repeat(65) }, /a role is/],
    [{ roles: [1] }, /^roles is neither/],
    [{ roles: { admin: true } }, /^roles is neither/],
    [{ password_hash: 'secret' }, /^password_hash is not a bcrypt hash/],
    [{ password_hash: '' }, /not a bcrypt hash/],
    [{ password_hash: 5 }, /not a bcrypt hash/],
    [{ id: 'ada' }, /^id is not a UUID$/],
    [{ id: 5 }, /^id is not a UUID$/],
    [{ disabled: 'yes' }, /^disabled is neither/],
    [{ disabled: 1 }, /^disabled is neither/],
    [{ created_at: '2024-02-30T00:00:00Z' }, /^created_at is not a time/],
    [{ created_at: '2024-02-03' }, /^created_at/],
    [{ created_at: 1_700_000_000 }, /^created_at/],
    [{ created_at: '1969-12-31T23:59:59Z' }, /^created_at/],
    [{ created_at: '2026-01-01T00:00:00.001Z' }, /^created_at/],
    [{ pasword: 'x' }, /^nobody knows "pasword"; possible are username, email/],
    [JSON.parse('{"__proto__":{"email":"a@b"}}'), /^nobody knows "__proto__"/],
  ];
  for (const [change, why] of rows) {
    const checked = checkImportedUser({ ...ADA, ...Object.fromEntries(Object.entries(change)) }, NOW);
    t.match(checked, [why], JSON.stringify(change));
    t.equal('length' in checked && checked.length, 1, JSON.stringify(change));
  }
});

t.test('every reason at once, and none repeats a value', async (t) => {
  const faults = checkImportedUser(
    { username: 'hunter2 ', email: 'hunter2', roles: ['hunter 2'], password_hash: 'hunter2', id: 'hunter2' },
    NOW,
  );
  t.equal('length' in faults && faults.length, 5);
  t.notMatch(JSON.stringify(faults), /hunter/);
});

t.test('the last moment is now', async (t) => {
  t.match(checkImportedUser({ ...ADA, created_at: '2026-01-01 01:00:00+01:00' }, NOW), { createdAt: NOW });
  t.match(checkImportedUser({ ...ADA, created_at: '1970-01-01T00:00:00Z' }, NOW), { createdAt: 0 });
});

t.test('a name that nobody knows is shown only when it looks like one', async (t) => {
  t.strictSame(unknownMembers(['username', 'Full Name', HASH, '', 'x'.repeat(41), '\u001b[2J', 'roles']), [
    '"Full Name"',
    'number 3',
    'number 4',
    'number 5',
    'number 6',
  ]);
});

t.test('the cost of a bcrypt hash', async (t) => {
  const rows: readonly (readonly [hash: string, cost: number | null])[] = [
    [`$2a$04$${REST}`, 4],
    [`$2b$10$${REST}`, 10],
    [`$2y$16$${REST}`, 16],
    [`$2b$03$${REST}`, null],
    [`$2b$17$${REST}`, null],
    [`$2b$31$${REST}`, null],
    [`$2b$4$${REST}`, null],
    [`$2x$10$${REST}`, null],
    [`$2$10$${REST}`, null],
    [`$2b$10$${REST.slice(1)}`, null],
    [`$2b$10$${REST}.`, null],
    [`$2b$10$${REST}\n`, null],
    [`$2b$10$${REST}\0`, null],
    [` $2b$10$${REST}`, null],
    [`$2b$10$${REST.slice(1)}=`, null],
    [`{bcrypt}$2b$10$${REST}`, null],
    ['pbkdf2_sha256$600000$salt$hash', null],
    ['', null],
  ];
  for (const [hash, cost] of rows) t.equal(bcryptCost(hash), cost, hash);
});
