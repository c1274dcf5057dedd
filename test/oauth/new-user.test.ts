import fc from 'fast-check';
import t from 'tap';
import { checkNewUser, type UserDescription } from '../../src/oauth/new-user.js';

function described(overrides: Partial<UserDescription> = {}): UserDescription {
  return { username: 'ada', email: undefined, roles: [], ...overrides };
}

t.test('a user is described by a name, perhaps an address, and roles', async (t) => {
  t.strictSame(checkNewUser(described()), { username: { display: 'ada', key: 'ada' }, email: null, roles: [] });
  t.strictSame(checkNewUser(described({ username: 'Ada', email: 'Ada@Example.com', roles: ['admin', 'editor'] })), {
    username: { display: 'Ada', key: 'ada' },
    email: { display: 'Ada@Example.com', key: 'ada@example.com' },
    roles: ['admin', 'editor'],
  });
});

const MAIL = { display: 'ada@example.com', key: 'ada@example.com' };

t.test('a name with an @ is an e-mail address and becomes the own one of the user', async (t) => {
  t.strictSame(checkNewUser(described({ username: 'ada@example.com' })), { username: MAIL, email: MAIL, roles: [] });
  const inCapitals = { username: 'ada@example.com', email: 'ADA@example.com' };
  t.strictSame(checkNewUser(described(inCapitals)), {
    username: MAIL,
    email: { display: 'ADA@example.com', key: 'ada@example.com' },
    roles: [],
  });
});

const OWN = "a user name with an @ must be the user's own e-mail address";
const NO_ADDRESS = 'that is not an e-mail address';
const NO_NAME = 'the user name is empty, longer than 128 characters, or has invisible characters';
const NO_ROLE = 'a role is 1 to 64 visible ASCII characters without spaces';

const FAULTY: readonly [sentence: string, description: Partial<UserDescription>, faults: string[]][] = [
  ['no name', { username: '' }, [NO_NAME]],
  ['an invisible character', { username: 'ad\u200ba' }, [NO_NAME]],
  ['not an address', { email: 'ada' }, [NO_ADDRESS]],
  ['an empty address is not the same as none', { email: '' }, [NO_ADDRESS]],
  ['an address with a space', { email: 'a da@example.com' }, [NO_ADDRESS]],
  ['an address with an invisible character', { email: 'ada\u200b@example.com' }, [NO_ADDRESS]],
  ['the address of somebody else as a name', { username: 'bob@example.com', email: 'ada@example.com' }, [OWN]],
  ['a name that only looks like an address', { username: 'ada@' }, [NO_ADDRESS]],
  ['two @', { username: 'a@b@c' }, [NO_ADDRESS]],
  ['a bad role', { roles: ['admin', 'two words'] }, [NO_ROLE]],
  ['all faults are told together', { username: '', email: 'x', roles: [''] }, [NO_NAME, NO_ADDRESS, NO_ROLE]],
];

t.test('a faulty description is refused with every reason', async (t) => {
  for (const [sentence, description, faults] of FAULTY) {
    t.strictSame(checkNewUser(described(description)), faults, sentence);
  }
});

t.test('a fault is told once, however many roles have it', async (t) => {
  t.strictSame(checkNewUser(described({ roles: ['', 'a b'] })), [NO_ROLE]);
});

t.test(
  'an @ that only appears by normalisation counts as one: no name passes for the address of another',
  async (t) => {
    for (const at of ['＠', '﹫']) {
      const name = `ada${at}example.com`;
      const mine = checkNewUser(described({ username: name, email: 'mallory@example.com' }));
      t.strictSame(mine, [OWN], 'with another address');
      t.strictSame(checkNewUser(described({ username: name, email: 'ada@example.com' })), {
        username: MAIL,
        email: MAIL,
        roles: [],
      });
    }
  },
);

t.test('whoever is let in: a name with an @ is always the own address', async () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'B', '@', '＠', '.', ' ', '\u200b', 'É'), maxLength: 6 });
  fc.assert(
    fc.property(text, fc.option(text, { nil: undefined }), (username, email) => {
      const checked = checkNewUser({ username, email, roles: [] });
      return (
        !('username' in checked) || !checked.username.key.includes('@') || checked.email?.key === checked.username.key
      );
    }),
    { numRuns: 1000 },
  );
});

t.test('a user has at most 64 roles', async (t) => {
  const roles = Array.from({ length: 65 }, (_, i) => `role-${i}`);
  t.match(checkNewUser(described({ roles })), ['a user has at most 64 roles: each token has them all']);
  t.match(checkNewUser(described({ roles: roles.slice(1) })), { roles: roles.slice(1) });
});
