import { stripVTControlCharacters } from 'node:util';
import { pino } from 'pino';
import t from 'tap';
import { record } from '../src/http/record.js';
import type { LogEvent } from '../src/oauth/event-messages.js';
import { prettyLog } from '../src/pretty-log.js';
import { issuerWithClients } from './rfc/setup.js';

/** What a terminal gets of what is logged. */
function shown(isColoured: boolean, log: (logger: pino.Logger) => void): string {
  let text = '';
  const write = (part: string) => {
    text += part;
  };
  log(pino({ level: 'debug', base: null, timestamp: pino.stdTimeFunctions.isoTime }, prettyLog(write, isColoured)));
  return text;
}

const event = (line: LogEvent) => shown(false, (logger) => record(logger, line));

t.test('a line has time, level, sentence, event, and what the sentence lacks', async (t) => {
  const line = event({
    event: 'login',
    clientId: 'web',
    userId: 'u-1',
    sid: 's-1',
    jti: 'j-1',
    grantType: 'password',
    address: null,
  });
  t.match(
    line,
    /^\[\d\d:\d\d:\d\d\] INFO: user u-1 logged in at client web {2}login sid=s-1 jti=j-1 grantType=password\n$/,
  );
});

t.test('lists and objects are short, requests are not named, and other lines are shown as well', async (t) => {
  const applied = ['20261122014151_init', '20261122042802_browsers_and_sessions', '20261122075240_key_rings'];
  t.match(event({ event: 'migrated', applied }), /migrated applied=\["20261122014151_init","\S{20,45}…\n$/);
  t.match(
    event({ event: 'key_timing_differs', inForce: { jwksMaxAgeSeconds: 1 } }),
    'inForce={"jwksMaxAgeSeconds":1}\n',
  );
  t.match(event({ event: 'stopped' }), /INFO: mintd has stopped {2}stopped\n$/);
  t.notMatch(event({ event: 'stopped', requestId: 'r-1', traceId: 't-1' }), /r-1|t-1/);
  t.match(
    shown(false, (logger) => logger.warn('something else')),
    /WARN: something else\n$/,
  );
});

t.test('an error comes with its stack, below the line', async (t) => {
  const err = new Error('the disk is full');
  const text = event({ event: 'failure', err });
  t.match(text, /ERROR: a request got a 500, because of a bug: Error {2}failure\n {4}Error: the disk is full\n {8}at /);
  t.match(text, /\n$/);
});

t.test('colours only where the terminal takes them', async (t) => {
  const log = (logger: pino.Logger) => record(logger, { event: 'failure', err: new Error('x') });
  t.match(shown(true, log), '\u001b[');
  t.notMatch(shown(false, log), '\u001b');
  const firstLine = (text: string) => stripVTControlCharacters(text).split('\n')[0]?.slice('[00:00:00]'.length);
  t.equal(firstLine(shown(true, log)), firstLine(shown(false, log)));
});

/** Sequences that a terminal obeys, and characters that change the order in which a line is shown. */
const ACTING = [
  '\u001b[2J',
  '\u001b]0;title\u0007',
  '\u009b31m',
  '\r',
  '\n[00:00:00] INFO: forged',
  '\b',
  '\u202etxt',
  '\u2028',
];

t.test('nothing in a line acts on the terminal, wherever it came from', async (t) => {
  for (const text of ACTING) {
    const name = `U+${text.charCodeAt(0).toString(16).padStart(4, '0')}`;
    for (const line of [
      { event: 'login', clientId: `a${text}b` },
      { event: 'refused', reason: `a${text}b`, scope: `${text}` },
      { event: 'key_leftovers', names: [`a${text}b`] },
      { event: 'key_timing_differs', inForce: { [`a`]: { b: text } } },
    ] as const) {
      const out = event(line);
      t.equal(out.indexOf('\n'), out.length - 1, 'one line');
      t.notMatch(out.slice(0, -1), /[\p{Cc}\u2028\u202e]/u, name);
      t.match(out, name.replace('U+', '\\u'), 'it is there to be seen');
    }
    const err = Object.assign(new Error(`a${text}b`), { stack: `Error: a${text}b\n    at x` });
    const out = event({ event: 'failure', err }).slice(0, -1);
    t.notMatch(out.replaceAll('\n    ', ''), /[\p{Cc}\u2028\u202e]/u, `${name} in a stack`);
  }
});

t.test('an escape in the client_id of a request does not get to the terminal', async (t) => {
  const issuer = await issuerWithClients(t);
  const password = { grant_type: 'password', username: 'ada', password: 'x' };
  for (const text of ACTING) {
    await issuer.post('/token', { ...password, client_id: `app${text}` });
    await issuer.post('/token', { ...password, client_id: 'app', scope: `a${text}` });
    await issuer.post('/token', { ...password, client_id: 'app', resource: `https://a.example/${text}` });
  }
  let out = '';
  const { write } = prettyLog((part) => {
    out += part;
  }, false);
  for (const line of issuer.log) write(line);
  t.ok(issuer.log.length > 40);
  t.equal(out.split('\n').length, issuer.log.length + 1, 'a line for a line');
  t.notMatch(out.replaceAll('\n', ''), /[\p{Cc}\u2028\u202e]/u);
});
