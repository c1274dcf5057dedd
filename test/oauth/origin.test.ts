import t from 'tap';
import { isLoopback, isOrigin, isOtherSite } from '../../src/oauth/origin.js';

const ORIGINS: readonly [sentence: string, text: string][] = [
  ['https', 'https://app.example.com'],
  ['a port', 'https://app.example.com:8443'],
  ['the port of the other scheme', 'https://app.example.com:80'],
  ['a host of one label', 'https://intranet'],
  ['a number', 'https://192.0.2.7'],
  ['IPv6', 'https://[2001:db8::1]:8443'],
  ['a name outside ASCII as browsers write it', 'https://xn--mnchen-3ya.example'],
  ['an underscore', 'https://my_app.example.com'],
  ['http on this machine', 'http://localhost:3000'],
  ['without a port', 'http://localhost'],
  ['by number', 'http://127.0.0.1:5173'],
  ['any number of the loopback network', 'http://127.8.9.10:5173'],
  ['by IPv6', 'http://[::1]:5173'],
];

t.test('this is an origin as a browser writes it, of a page nobody on the network can have changed', async (t) => {
  for (const [sentence, text] of ORIGINS) t.equal(isOrigin(text), true, `${sentence}: ${text}`);
});

const NO_ORIGINS: readonly [sentence: string, text: string][] = [
  ['nothing', ''],
  ['null, which every sandboxed page has', 'null'],
  ['anybody', '*'],
  ['a host alone', 'app.example.com'],
  ['a host and a port', 'app.example.com:443'],
  ['no scheme', '//app.example.com'],
  ['no host', 'https://'],
  ['a slash behind', 'https://app.example.com/'],
  ['a path', 'https://app.example.com/login'],
  ['a query', 'https://app.example.com?x'],
  ['an empty query', 'https://app.example.com?'],
  ['a fragment', 'https://app.example.com#x'],
  ['an empty fragment', 'https://app.example.com#'],
  ['a user', 'https://ada@app.example.com'],
  ['a user and a password', 'https://ada:x@app.example.com'],
  ['an empty user', 'https://@app.example.com'],
  ['a trusted name as the user of another host', 'https://app.example.com@evil.example'],
  ['capitals in the scheme', 'HTTPS://app.example.com'],
  ['capitals in the host', 'https://App.example.com'],
  ['the default port', 'https://app.example.com:443'],
  ['the default port of http', 'http://localhost:80'],
  ['a port with a zero in front', 'https://app.example.com:08443'],
  ['an empty port', 'https://app.example.com:'],
  ['a port beyond the last', 'https://app.example.com:65536'],
  ['a wildcard host, which no browser ever sends', 'https://*.example.com'],
  ['a wildcard alone', 'https://*'],
  ['a wildcard port', 'https://app.example.com:*'],
  ['a name outside ASCII', 'https://münchen.example'],
  ['an escaped character', 'https://%61pp.example.com'],
  ['a space in front', ' https://app.example.com'],
  ['a line feed behind', 'https://app.example.com\n'],
  ['a tab within', 'https://app.exa\tmple.com'],
  ['two of them', 'https://a.example https://b.example'],
  ['backslashes', 'https:\\\\app.example.com'],
  ['no slashes', 'https:app.example.com'],
  ['one slash', 'https:/app.example.com'],
  ['http elsewhere', 'http://app.example.com'],
  ['http at a number', 'http://192.168.0.7:3000'],
  ['http at every address of this machine', 'http://0.0.0.0:3000'],
  ['http, with localhost at the beginning of a name', 'http://localhost.evil.example'],
  ['http, with localhost at the end of a name', 'http://app.localhost:3000'],
  ['http, with a loopback number at the beginning of a name', 'http://127.0.0.1.evil.example'],
  ['http, with the loopback written short', 'http://127.1'],
  ['http, with the loopback in hex', 'http://0x7f000001'],
  ['http, with IPv6 written long', 'http://[0:0:0:0:0:0:0:1]'],
  ['http, with the loopback of IPv4 within IPv6', 'http://[::ffff:7f00:1]'],
  ['web sockets', 'wss://app.example.com'],
  ['a file', 'file://'],
  ['an extension', 'chrome-extension://abcdefghijklmnop'],
  ['a blob of a page', 'blob:https://app.example.com'],
  ['a script', 'javascript:alert(1)'],
];

t.test('this is none, or of a page that others could have written', async (t) => {
  for (const [sentence, text] of NO_ORIGINS) t.equal(isOrigin(text), false, `${sentence}: ${text}`);
});

t.test('a host name is this machine only as a whole', async (t) => {
  for (const name of ['localhost', '127.0.0.1', '127.255.255.254', '[::1]']) t.equal(isLoopback(name), true, name);
  const others = ['', 'LOCALHOST', 'localhost.', 'xlocalhost', 'localhost.example', '128.0.0.1', '1127.0.0.1', '::1'];
  const longer = ['127.0.0', '127.0.0.1.example', '127.0.0.1\n', '[::2]', '[::]', '0.0.0.0'];
  for (const name of [...others, ...longer]) t.equal(isLoopback(name), false, JSON.stringify(name));
});

t.test('a page is on another site than the issuer where that is certain', async (t) => {
  const rows: readonly (readonly [page: string, issuer: string, isOther: boolean])[] = [
    ['https://app.example.com', 'https://login.example.com', false],
    ['https://example.com', 'https://login.example.com/tenant', false],
    ['https://a.b.example.com:8443', 'https://example.com', false],
    ['http://localhost:5173', 'http://localhost:4000', false],
    ['http://127.0.0.1:5173', 'http://127.0.0.1:4000', false],
    ['https://app.example.org', 'https://login.example.com', true],
    ['https://example-app.com', 'https://example.com', true],
    ['http://localhost:5173', 'https://login.example.com', true],
    ['http://127.0.0.1:5173', 'http://localhost:4000', true],
    ['http://[::1]:5173', 'http://localhost:4000', true],
    ['https://192.0.2.7', 'https://198.51.2.7', true],
    ['https://app.localhost', 'http://localhost:4000', true],
    // Both have registered a name below co.uk, which only the list of public suffixes can tell.
    ['https://one.co.uk', 'https://two.co.uk', false],
  ];
  for (const [page, issuer, isOther] of rows) t.equal(isOtherSite(page, issuer), isOther, `${page} and ${issuer}`);
});
