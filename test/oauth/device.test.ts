import t from 'tap';
import { shownUserAgent } from '../../src/oauth/device.js';

const SHOWN: readonly [sentence: string, header: string | undefined, shown: string | null][] = [
  ['no header', undefined, null],
  ['an empty one says nothing', '', null],
  ['a browser', 'Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0', 'Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0'],
  [
    'every visible character and the space',
    ' !"#$%&\'()*+,-./09:;<=>?@AZ[\\]^_`az{|}~',
    ' !"#$%&\'()*+,-./09:;<=>?@AZ[\\]^_`az{|}~',
  ],
  ['what moves a terminal', 'a\u001b[2Jb\u0007', 'a?[2Jb?'],
  ['line ends and tabs', 'a\r\nb\tc', 'a??b?c'],
  ['NUL and DEL', '\0\x7f', '??'],
  ['what Node makes of UTF-8 in a header', 'caf\u00c3\u00a9', 'caf??'],
  ['text that runs the other way', '\u202eada', '?ada'],
  ['a lone half of a character', '\ud800x', '?x'],
  ['256 characters', 'x'.repeat(256), 'x'.repeat(256)],
  ['one more', `${'x'.repeat(256)}y`, 'x'.repeat(256)],
  ['very many', 'x'.repeat(100_000), 'x'.repeat(256)],
  ['all of it strange', '\n'.repeat(300), '?'.repeat(256)],
];

t.test('a User-Agent is kept as visible ASCII of a fixed length', async (t) => {
  for (const [sentence, header, shown] of SHOWN) t.equal(shownUserAgent(header), shown, sentence);
});
