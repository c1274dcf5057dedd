import { readFileSync } from 'node:fs';
import t from 'tap';
import { temporaryFolder } from '../helper.js';
import { run } from './harness.js';

/** What makes Node say that it is another version, before it loads the program. */
const asVersion = (version: string) =>
  `data:text/javascript,Object.defineProperty(process.versions,'node',{value:'${version}'})`;

t.test('a Node that is too old gets one sentence, whatever the command', async (t) => {
  const folder = temporaryFolder(t);
  for (const version of ['22.11.0', '20.20.2', '18.19.0']) {
    for (const args of ['serve', '--version', '']) {
      const { code, out, err } = await run(t, folder, args, { NODE_OPTIONS: `--import=${asVersion(version)}` });
      const sentence = `mintd: Node 22.12 or newer is needed; ${process.execPath} is ${version}\n`;
      t.strictSame({ code, out, err }, { code: 1, out: '', err: sentence }, `${version} ${args}`);
    }
  }
});

t.test('the oldest Node that is good enough is the one that package.json names', async (t) => {
  const { engines } = JSON.parse(readFileSync('package.json', 'utf8')) as { engines: { node: string } };
  t.equal(engines.node, '>=22.12');
  const folder = temporaryFolder(t);
  for (const version of ['22.12.0', '24.0.0', '26.1.0']) {
    const { code, err } = await run(t, folder, '--version', { NODE_OPTIONS: `--import=${asVersion(version)}` });
    t.strictSame({ code, err }, { code: 0, err: '' }, version);
  }
});
