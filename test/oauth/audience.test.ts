import t from 'tap';
import { audienceChoice, grantAudience, remainingTarget } from '../../src/oauth/audience.js';
import { ok, refuse } from '../../src/oauth/result.js';

const A = 'https://a.example/';
const B = 'https://b.example/';
const CHOICE = { allowed: [A, B, 'orders'], defaults: [A] };

const GRANTED: readonly [sentence: string, resources: string[], audiences: string[], granted: string[]][] = [
  ['none asked: the defaults', [], [], [A]],
  ['resource chooses (RFC 8707 §2)', [B], [], [B]],
  ['audience chooses, and need not be a URI', [], ['orders'], ['orders']],
  ['resource may be sent several times (RFC 8707 §2)', [A, B], [], [A, B]],
  ['both together give both', [A], ['orders'], [A, 'orders']],
  ['what is named twice is granted once', [A, A], [A, 'orders'], [A, 'orders']],
  ['the order is the one asked for', [B, A], [], [B, A]],
];

t.test('a token gets the audiences that were asked for, or the defaults', async (t) => {
  for (const [sentence, resources, audiences, granted] of GRANTED) {
    t.strictSame(grantAudience(resources, audiences, CHOICE), ok(granted), sentence);
  }
});

/** The last column is what the log names of the refused one. */
const NOT_ALLOWED: readonly [sentence: string, resources: string[], audiences: string[], named: string | null][] = [
  ['an unknown resource', ['https://c.example/'], [], 'https://c.example/'],
  ['an unknown audience', [], ['billing'], null],
  ['one unknown among known ones: nothing is granted in part', [A], ['orders', 'billing'], null],
  ['audiences are compared byte by byte: no slash is added', ['https://a.example'], [], A],
  ['nor is the host folded to lower case', ['https://A.example/'], [], A],
  ['a prefix of an allowed one', [], ['order'], null],
  ['a resource below an allowed one', ['https://a.example/x'], [], 'https://a.example/x'],
];

const notAllowed = (audience?: string) =>
  refuse({ reason: 'audience_not_allowed', ...(audience !== undefined && { audience }) });

t.test('an audience outside those allowed is refused (RFC 8707 §2, invalid_target)', async (t) => {
  for (const [sentence, resources, audiences, named] of NOT_ALLOWED) {
    t.strictSame(grantAudience(resources, audiences, CHOICE), notAllowed(named ?? undefined), sentence);
  }
});

const MALFORMED: readonly [sentence: string, resource: string][] = [
  ['not a URI at all', 'orders'],
  ['a relative reference', '/orders'],
  ['without a scheme', '//a.example/'],
  ['with a fragment', 'https://a.example/#x'],
  ['with an empty fragment', 'https://a.example/#'],
  ['with a space', 'https://a.example/a b'],
  ['with a line feed at its end', 'https://a.example/\n'],
  ['nothing after the scheme', 'https:'],
  ['a scheme begins with a letter (RFC 3986 §3.1)', '1https://a.example/'],
  ['empty', ''],
];

t.test('a resource is an absolute URI without a fragment (RFC 8707 §2), even where it would be allowed', async (t) => {
  for (const [sentence, resource] of MALFORMED) {
    const choice = { allowed: [resource], defaults: [resource] };
    t.strictSame(grantAudience([resource], [], choice), refuse({ reason: 'resource_malformed' }), sentence);
    t.strictSame(grantAudience([A, resource], [], CHOICE), refuse({ reason: 'resource_malformed' }), sentence);
  }
});

t.test('a resource with another scheme, a query or a port is an absolute URI', async (t) => {
  for (const resource of ['urn:example:orders', 'https://a.example:8443/x?y=z', 'HTTPS://a.example/']) {
    t.strictSame(grantAudience([resource], [], { allowed: [resource], defaults: [] }), ok([resource]));
  }
});

t.test('a refresh narrows and never widens: allowed and defaults are the own ones of the family', async (t) => {
  const family = { allowed: [A, 'orders'], defaults: [A, 'orders'] };
  t.strictSame(grantAudience([], [], family), ok([A, 'orders']), 'none asked: all the family has');
  t.strictSame(grantAudience([A], [], family), ok([A]), 'narrower');
  t.strictSame(grantAudience([B], [], family), notAllowed(B), 'wider');
  const none = { allowed: [], defaults: [] };
  t.strictSame(grantAudience([], [], none), notAllowed(), 'nothing is left');
});

t.test('what is left to a login is what both it and its client have', async (t) => {
  const login = { scope: ['read', 'write'], audiences: [A, 'orders'] };
  const left = (scopes: string[], audiences: string[], defaultAudiences: string[] = []) =>
    remainingTarget(login, { scopes, audiences, defaultAudiences }, 'server');
  t.strictSame(left(['write', 'read', 'admin'], ['orders', A, B]), login, 'more is for new logins');
  t.strictSame(left(['read'], [A, B]), { scope: ['read'], audiences: [A] });
  t.strictSame(left(['READ'], [A.toUpperCase()]), { scope: [], audiences: [] }, 'case counts');
  t.strictSame(left(['read'], [A, 'orders'], [A]).audiences, login.audiences, 'defaults are for new logins as well');
  t.strictSame(left([], [B]), { scope: [], audiences: [] });
  t.strictSame(left(['read'], []).audiences, [], 'without audiences of its own, that of the server');
  t.strictSame(
    remainingTarget({ ...login, audiences: ['server'] }, { scopes: [], audiences: [], defaultAudiences: [] }, 'server')
      .audiences,
    ['server'],
  );
});

t.test('what a client may choose among', async (t) => {
  const choice = (audiences: string[], defaultAudiences: string[]) =>
    audienceChoice({ audiences, defaultAudiences }, 'server');
  t.strictSame(choice([], []), { allowed: ['server'], defaults: ['server'] }, 'none of its own: the one of the server');
  t.strictSame(choice([A, B], []), { allowed: [A, B], defaults: [A, B] }, 'no defaults: all it has');
  t.strictSame(choice([A, B], [B]), { allowed: [A, B], defaults: [B] }, 'its own, and its own defaults');
  t.notOk(choice([A], []).allowed.includes('server'), 'with its own it does not get the one of the server');
});
