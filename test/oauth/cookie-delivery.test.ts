import t from 'tap';
import {
  type BrowserHeaders,
  checkPage,
  cookieName,
  tokenInCookie,
  withTokenFromCookie,
} from '../../src/oauth/cookie-delivery.js';
import type { Refusal } from '../../src/oauth/refusal.js';
import { aClient } from '../helper.js';

const PAGE = 'https://app.example.com';
const client = aClient({ id: 'web', delivery: 'cookie', origins: [PAGE, 'https://app.example.com:8443'] });
const GOOD: BrowserHeaders = { origin: PAGE, secFetchSite: undefined, requestedWith: 'fetch', cookie: undefined };

t.test('the cookie names the client, and carries __Host- over TLS', async (t) => {
  t.equal(cookieName('web', true), '__Host-refresh_token-web');
  t.equal(cookieName('web', false), 'refresh_token-web');
  t.not(cookieName('Web', true), cookieName('web', true), 'clients whose ids differ in case have two');
});

const PAGES: readonly [sentence: string, headers: Partial<BrowserHeaders>, reason: Refusal['reason'] | null][] = [
  ['its page', {}, null],
  ['its other page', { origin: 'https://app.example.com:8443' }, null],
  ['a browser that says same-origin', { secFetchSite: 'same-origin' }, null],
  ['a browser that says same-site', { secFetchSite: 'same-site' }, null],
  ['any word will do in the header', { requestedWith: 'x' }, null],
  ['no origin', { origin: undefined }, 'origin_not_allowed'],
  ['an empty origin', { origin: '' }, 'origin_not_allowed'],
  ['null', { origin: 'null' }, 'origin_not_allowed'],
  ['anybody', { origin: '*' }, 'origin_not_allowed'],
  ['a name that ends like it', { origin: 'https://evilapp.example.com' }, 'origin_not_allowed'],
  ['a name that begins like it', { origin: 'https://app.example.com.evil.example' }, 'origin_not_allowed'],
  ['a name below it', { origin: 'https://x.app.example.com' }, 'origin_not_allowed'],
  ['a name above it', { origin: 'https://example.com' }, 'origin_not_allowed'],
  ['another scheme', { origin: 'http://app.example.com' }, 'origin_not_allowed'],
  ['another port', { origin: 'https://app.example.com:444' }, 'origin_not_allowed'],
  ['the default port written out', { origin: 'https://app.example.com:443' }, 'origin_not_allowed'],
  ['capitals', { origin: 'https://APP.example.com' }, 'origin_not_allowed'],
  ['a slash behind', { origin: `${PAGE}/` }, 'origin_not_allowed'],
  ['two origins', { origin: `${PAGE}, https://evil.example` }, 'origin_not_allowed'],
  ['two origins with a space, as RFC 6454 has it', { origin: `${PAGE} https://evil.example` }, 'origin_not_allowed'],
  ['it is said first that the page is foreign', { origin: 'null', secFetchSite: 'cross-site' }, 'origin_not_allowed'],
  ['a browser that says cross-site', { secFetchSite: 'cross-site' }, 'cross_site'],
  ['and says it twice', { secFetchSite: 'cross-site, cross-site' }, 'cross_site'],
  ['a proxy that says better beside it', { secFetchSite: 'cross-site, same-origin' }, 'cross_site'],
  ['no header', { requestedWith: undefined }, 'requested_with_missing'],
  ['an empty header', { requestedWith: '' }, 'requested_with_missing'],
];

t.test('a page may use a client by its exact origin, its own header, and no word against it', async (t) => {
  for (const [sentence, headers, reason] of PAGES) {
    const expected = reason === null ? { ok: true, value: null } : { ok: false, refusal: { reason } };
    t.strictSame(checkPage(client, { ...GOOD, ...headers }), expected, sentence);
  }
});

t.test('a client without origins has no page at all', async (t) => {
  const none = aClient({ origins: [] });
  for (const origin of [undefined, '', 'null', PAGE]) {
    t.match(checkPage(none, { ...GOOD, origin }), { ok: false, refusal: { reason: 'origin_not_allowed' } });
  }
});

const NAME = '__Host-refresh_token-web';
const missing: Refusal = { reason: 'refresh_cookie_missing' };
const repeated: Refusal = { reason: 'cookie_repeated' };

const COOKIES: readonly [sentence: string, header: string | undefined, expected: string | Refusal][] = [
  ['alone', `${NAME}=mrt_x`, 'mrt_x'],
  ['among others', `a=b; ${NAME}=mrt_x; c=d`, 'mrt_x'],
  ['without spaces', `a=b;${NAME}=mrt_x;c=d`, 'mrt_x'],
  ['with many', `a=b;   ${NAME}=mrt_x  ; c=d`, 'mrt_x'],
  ['a value with an equals sign', `${NAME}=a=b`, 'a=b'],
  ['a value is not decoded', `${NAME}=%6drt_x`, '%6drt_x'],
  ['nor are quotes taken off', `${NAME}="mrt_x"`, '"mrt_x"'],
  ['no cookies', undefined, missing],
  ['an empty header', '', missing],
  ['separators alone', ';; ;', missing],
  ['another cookie', 'a=b', missing],
  ['an empty value', `${NAME}=`, missing],
  ['a name without a value', NAME, missing],
  ['the cookie of another client', '__Host-refresh_token-other=mrt_x', missing],
  ['of one whose id begins with this one', `${NAME}2=mrt_x`, missing],
  ['of one whose id ends with this one', '__Host-refresh_token-my-web=mrt_x', missing],
  ['the name for plain http, which a neighbour can plant', 'refresh_token-web=mrt_x', missing],
  ['capitals in the name', '__HOST-refresh_token-web=mrt_x', missing],
  ['the name in the value of another', `a=${NAME}=mrt_x`, missing],
  ['a value in quotes hides no second cookie', `a="; ${NAME}=mrt_x; "`, 'mrt_x'],
  ['twice', `${NAME}=mrt_x; ${NAME}=mrt_y`, repeated],
  ['twice the same', `${NAME}=mrt_x; ${NAME}=mrt_x`, repeated],
  ['far apart', `${NAME}=mrt_x; a=b; ${NAME}=mrt_y`, repeated],
  ['once empty', `${NAME}=; ${NAME}=mrt_x`, repeated],
  ['both empty', `${NAME}=; ${NAME}=`, repeated],
];

t.test('the token is the value of the one cookie of that very name', async (t) => {
  for (const [sentence, cookie, expected] of COOKIES) {
    const found = tokenInCookie({ client, parameters: new Map() }, { ...GOOD, cookie }, true);
    const result = typeof expected === 'string' ? { ok: true, value: expected } : { ok: false, refusal: expected };
    t.strictSame(found, result, sentence);
  }
});

t.test('over plain http it is the plain name, and that with __Host- is another cookie', async (t) => {
  const headers = { ...GOOD, cookie: `${NAME}=mrt_x; refresh_token-web=mrt_y` };
  t.strictSame(tokenInCookie({ client, parameters: new Map() }, headers, false), { ok: true, value: 'mrt_y' });
});

t.test('a token in the body is refused, whatever stands in the cookie', async (t) => {
  const parameters = new Map([['refresh_token', ['mrt_y']]]);
  for (const cookie of [undefined, '', `${NAME}=mrt_x`, `${NAME}=mrt_y`, `${NAME}=mrt_x; ${NAME}=mrt_x`]) {
    const found = tokenInCookie({ client, parameters }, { ...GOOD, cookie }, true);
    t.strictSame(found, { ok: false, refusal: { reason: 'refresh_token_in_body' } }, `cookie: ${cookie}`);
  }
});

t.test('a refresh gets its token from the cookie, beside what else it says', async (t) => {
  const parameters = new Map([
    ['grant_type', ['refresh_token']],
    ['scope', ['read']],
  ]);
  const found = withTokenFromCookie({ client, parameters }, { ...GOOD, cookie: `${NAME}=mrt_x` }, true);
  t.equal(found.ok, true);
  if (found.ok) t.strictSame([...found.value], [...parameters, ['refresh_token', ['mrt_x']]]);
  t.equal(parameters.has('refresh_token'), false, 'the request itself stays as it was');
  const refused = withTokenFromCookie({ client, parameters }, GOOD, true);
  t.strictSame(refused, { ok: false, refusal: missing }, 'and is refused as the cookie is');
});

t.test('other grants look at no cookie', async (t) => {
  for (const grantType of ['password', 'client_credentials', 'REFRESH_TOKEN', undefined]) {
    const parameters = new Map(grantType === undefined ? [] : [['grant_type', [grantType]]]);
    const headers = { ...GOOD, cookie: `${NAME}=mrt_x; ${NAME}=mrt_y` };
    t.strictSame(withTokenFromCookie({ client, parameters }, headers, true), { ok: true, value: parameters });
  }
});
