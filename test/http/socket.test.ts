import { connect } from 'node:net';
import t from 'tap';
import { basic } from '../helper.js';
import { FORM, issuerWithClients, listening, loginForm, SECRET, SERVICE } from '../rfc/setup.js';

// Bytes as no HTTP client would send them.
const issuer = await issuerWithClients(t);
const port = Number(new URL(await listening(issuer)).port);
const BODY = new URLSearchParams(loginForm()).toString();
const CLIENT_BODY = 'grant_type=client_credentials';

/** Sends bytes on a connection of its own and reads until the server closes it. */
function exchange(bytes: string | Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    let answer = '';
    socket.setEncoding('latin1');
    socket.on('data', (chunk) => {
      answer += chunk;
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(answer));
    socket.write(bytes);
  });
}

function post(headers: readonly string[], body = BODY, target = '/token'): string {
  const all = ['Host: localhost', 'Connection: close', ...headers];
  return `POST ${target} HTTP/1.1\r\n${all.join('\r\n')}\r\n\r\n${body}`;
}

const framed = (body = BODY) => [`Content-Type: ${FORM}`, `Content-Length: ${Buffer.byteLength(body)}`];
const statusOf = (answer: string) => Number(answer.split(' ', 2)[1]);

t.test('a well-formed request, also with absolute URL, chunks and 100-continue', async (t) => {
  const chunked = `${BODY.length.toString(16)}\r\n${BODY}\r\n0\r\n\r\n`;
  const good = {
    plain: post(framed()),
    absolute: post(framed(), BODY, 'http://localhost:4000/token'),
    'another host': post(framed(), BODY, 'http://evil.example/token'),
    chunked: post([`Content-Type: ${FORM}`, 'Transfer-Encoding: chunked'], chunked),
    'upgrade asked for': post([...framed(), 'Upgrade: websocket']),
  };
  for (const [what, bytes] of Object.entries(good)) {
    const answer = await exchange(bytes);
    t.equal(statusOf(answer), 200, what);
    t.match(answer, /"access_token":/, what);
  }
});

t.test('what is not HTTP gets 400 without a word about it', async (t) => {
  const request = post(framed());
  const broken = {
    garbage: 'c4n4ry\r\n\r\n',
    binary: Buffer.from([0x16, 0x03, 0x01, 0x00, 0x00, 0x0d, 0x0a]),
    'no version': 'POST /token\r\n\r\n',
    'a space in the URL': request.replace('/token', '/token c4n4ry'),
    'no host': request.replace('Host: localhost\r\n', ''),
    'a header without colon': request.replace('Host: localhost', 'Host: localhost\r\nc4n4ry'),
    'a space before the colon': request.replace('Content-Type:', 'Content-Type :'),
    'NUL in a header': request.replace('localhost', 'local\0host'),
    'length and chunks': request.replace('Connection', 'Transfer-Encoding: chunked\r\nConnection'),
    'two lengths': request.replace('Connection', 'Content-Length: 5\r\nConnection'),
    'a negative length': request.replace(/Content-Length: \d+/, 'Content-Length: -5'),
    'a length that is no number': request.replace(/Content-Length: \d+/, 'Content-Length: 0x10'),
    'a bad chunk': post([`Content-Type: ${FORM}`, 'Transfer-Encoding: chunked'], 'zz\r\nx\r\n0\r\n\r\n'),
    'unknown coding': post([`Content-Type: ${FORM}`, 'Transfer-Encoding: c4n4ry'], BODY),
    'chunks, and something after them': post([`Content-Type: ${FORM}`, 'Transfer-Encoding: chunked, gzip'], BODY),
    'chunks behind a vertical tab': post(
      [`Content-Type: ${FORM}`, 'Transfer-Encoding:\x0bchunked', 'Content-Length: 0'],
      BODY,
    ),
    'lengths in a list': request.replace(/Content-Length: (\d+)/, 'Content-Length: $1, $1'),
    'a length with a sign': request.replace(/Content-Length: (\d+)/, 'Content-Length: +$1'),
    'a carriage return in a header': request.replace('localhost', 'local\rhost'),
    'a chunk with 20 kB said about it': post(
      [`Content-Type: ${FORM}`, 'Transfer-Encoding: chunked'],
      `1;${'x'.repeat(20_000)}\r\nx\r\n0\r\n\r\n`,
    ),
    'headers of 100 kB': request.replace('Connection', `X: ${'x'.repeat(100_000)}\r\nConnection`),
  };
  for (const [what, bytes] of Object.entries(broken)) {
    const answer = await exchange(bytes);
    t.match(answer, /^HTTP\/1\.1 4\d\d /, what);
    t.notMatch(answer, /access_token|c4n4ry/, what);
  }
  t.notMatch(issuer.log.join(''), 'c4n4ry', 'nor is it in the log');
});

t.test('RFC 6585 §5: headers over 16 KiB are 431', async (t) => {
  const bytes = post(framed()).replace('Connection', `X: ${'x'.repeat(20_000)}\r\nConnection`);
  t.match(await exchange(bytes), /^HTTP\/1\.1 431 /);
});

t.test('a folded header and bare line feeds make no second request of one', async (t) => {
  const smuggled = 'POST /token HTTP/1.1\nHost: localhost\n\n';
  const requests = [
    post([...framed(), 'X: a\r\n Transfer-Encoding: chunked']),
    post([...framed(), `X: a\n${smuggled}`]),
    post(framed(`${BODY}&x=${smuggled}`), `${BODY}&x=${smuggled}`),
  ];
  for (const bytes of requests) {
    const answer = await exchange(bytes);
    t.equal(answer.match(/HTTP\/1\.1 \d\d\d/g)?.length, 1, answer.slice(0, 15));
  }
});

t.test('HTTP/1.0 is answered, and the connection closed', async (t) => {
  const answer = await exchange(post(framed()).replace('HTTP/1.1', 'HTTP/1.0').replace('Connection: close\r\n', ''));
  t.equal(statusOf(answer), 200);
  t.match(answer, /connection: close/i);
});

t.test('RFC 9112 §3.2: two Host headers are 400', async (t) => {
  const bytes = post(framed()).replace('Host: localhost', 'Host: localhost\r\nHost: evil.example');
  t.match(await exchange(bytes), /^HTTP\/1\.1 400 /);
});

t.test('two Authorization headers are two authentications', async (t) => {
  const wrong = basic('service', 'wrong');
  for (const two of [
    [SERVICE.authorization, wrong],
    [wrong, SERVICE.authorization],
    [SERVICE.authorization, SERVICE.authorization],
  ]) {
    const headers = two.map((value) => `Authorization: ${value}`);
    const answer = await exchange(post([...headers, ...framed(CLIENT_BODY)], CLIENT_BODY));
    t.match(answer, /^HTTP\/1\.1 400 [\s\S]*"error":"invalid_request"/, two.map((one) => one.slice(-6)).join());
  }
});

t.test('a second Content-Type does not make another request of it', async (t) => {
  const answer = await exchange(post(['Content-Type: text/plain', ...framed()]));
  t.match(answer, /^HTTP\/1\.1 400 [\s\S]*"error":"invalid_request"/);
});

t.test('a body over 16 KiB is refused, whether it says its length or not', async (t) => {
  const big = `${BODY}&x=${'x'.repeat(20_000)}`;
  const chunked = `${big.length.toString(16)}\r\n${big}\r\n0\r\n\r\n`;
  const answers = [
    await exchange(post(framed(big), big)),
    await exchange(post([`Content-Type: ${FORM}`, 'Content-Length: 99999999999'], '')),
    await exchange(post([`Content-Type: ${FORM}`, 'Transfer-Encoding: chunked'], chunked)),
  ];
  for (const answer of answers) {
    t.match(answer, /^HTTP\/1\.1 413 [\s\S]*cache-control: no-store[\s\S]*"error":"invalid_request"/);
  }
});

t.test('paths are taken as they are: no dots are resolved', async (t) => {
  for (const path of ['/../token', '/./token', '/x/../token', '/token/.', '/%2e%2e/token', '/\\token']) {
    const answer = await exchange(post(framed(), BODY, path));
    t.match(answer, /^HTTP\/1\.1 404 [\s\S]*"error":"not_found"/, path);
  }
});

t.test('no method is a way around: unknown ones are refused, TRACE reflects nothing', async (t) => {
  for (const method of ['TRACE', 'QUERY', 'PROPFIND', 'PURGE', 'SOURCE', 'c4n4ry']) {
    const answer = await exchange(post(framed()).replace('POST', method));
    t.match(answer, /^HTTP\/1\.1 40[05] /, method);
    t.notMatch(answer, /access_token|c4n4ry|password/, method);
  }
});

t.test('a method override is ignored', async (t) => {
  const bytes = `GET /token HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-HTTP-Method-Override: POST\r\n\r\n`;
  t.match(await exchange(bytes), /^HTTP\/1\.1 405 [\s\S]*allow: POST/i);
});

t.test('an expectation nobody can meet is 417, and nobody is logged in', async (t) => {
  const answer = await exchange(post([...framed(), 'Expect: c4n4ry']));
  t.match(answer, /^HTTP\/1\.1 417 /);
  t.notMatch(answer, /access_token/);
});

t.test('requests in one connection do not mix', async (t) => {
  const client = [`Authorization: ${basic('service', SECRET)}`, ...framed(CLIENT_BODY)];
  const first = post(client, CLIENT_BODY).replace('Connection: close\r\n', '');
  const second = post(framed(CLIENT_BODY), CLIENT_BODY);
  const answer = await exchange(first + second);
  t.match(answer, /^HTTP\/1\.1 200 [\s\S]*HTTP\/1\.1 401 /, 'the second one is not authenticated by the first');
});
