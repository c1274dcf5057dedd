import t from 'tap';
import { namedAudience, namedScope } from '../../src/oauth/named.js';

/** As long as the shortest credential that mintd makes, a password. */
const LONG = Buffer.alloc(16).toString('base64url');

t.test('a refused scope is named, a few tokens of it, and none that could be a credential', async (t) => {
  const rows: readonly (readonly [sentence: string, tokens: string[], named: string])[] = [
    ['one', ['admin'], 'admin'],
    ['several', ['admin', 'https://a.example/w'], 'admin https://a.example/w'],
    ['the longest that is named', [LONG.slice(1)], LONG.slice(1)],
    ['one as long as a password that mintd makes', [LONG], '…'],
    ['the others of them', ['a', LONG, 'b'], 'a b …'],
    ['five, however many there are', ['a', 'b', 'c', 'd', 'e', 'f'], 'a b c d e …'],
  ];
  for (const [sentence, tokens, named] of rows) t.equal(namedScope(tokens), named, sentence);
});

t.test('a refused audience is named where it is a URL in which nothing could be a credential', async (t) => {
  const rows: readonly (readonly [sentence: string, text: string, named: string | null])[] = [
    ['a URL', 'https://api.example.com', 'https://api.example.com/'],
    ['its path and port', 'http://localhost:8080/a/b', 'http://localhost:8080/a/b'],
    ['not its query', 'https://api.example.com/a?password=x', 'https://api.example.com/a'],
    ['nor its fragment', 'https://api.example.com/a#x', 'https://api.example.com/a'],
    [
      'control characters are encoded as in every URL',
      'https://api.example.com/\u001b[31m',
      'https://api.example.com/%1B[31m',
    ],
    ['no user in it', 'https://ada@api.example.com/', null],
    ['no password in it', 'https://:x@api.example.com/', null],
    ['no part as long as a password that mintd makes', `https://api.example.com/${LONG}`, null],
    ['no JWT', `https://api.example.com/${['a', LONG, 'b'].join('.')}`, null],
    ['not longer than a line', `https://api.example.com${'/abcdefghi'.repeat(20)}`, null],
    ['another scheme, in which all may be anything', 'urn:example:orders', null],
    ['a name', 'orders', null],
  ];
  for (const [sentence, text, named] of rows) t.equal(namedAudience(text), named, sentence);
});
