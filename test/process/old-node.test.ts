import { readFileSync } from 'node:fs';
import t from 'tap';
import { temporaryFolder } from '../helper.js';
import { run } from './harness.js';

/** What makes Node say that it is another version, with another Node-API, before it loads the program. */
function asVersion(node: string, napi: string): string {
  const versions = JSON.stringify({ node: { value: node }, napi: { value: napi } });
  // Node 26 warns of how it loads what --import names.
  return `--disable-warning=DEP0205 --import=data:text/javascript,Object.defineProperties(process.versions,${encodeURIComponent(versions)})`;
}

t.test('a Node that is too old gets one sentence, whatever the command', async (t) => {
  const folder = temporaryFolder(t);
  for (const [version, napi] of [
    ['22.13.1', '9'],
    ['23.5.0', '9'],
    ['20.20.2', '9'],
    ['12.22.12', '8'],
  ] as const) {
    for (const args of ['serve', '--version', '']) {
      const { code, out, err } = await run(t, folder, args, { NODE_OPTIONS: asVersion(version, napi) });
      const sentence = `mintd: Node 22.14 or newer is needed; ${process.execPath} is ${version}\n`;
      t.strictSame({ code, out, err }, { code: 1, out: '', err: sentence }, `${version} ${args}`);
    }
  }
});

t.test('the oldest Node that is good enough is the one that package.json names', async (t) => {
  const { engines } = JSON.parse(readFileSync('package.json', 'utf8')) as { engines: { node: string } };
  t.equal(engines.node, '>=22.14');
  const { code, err } = await run(t, temporaryFolder(t), '--version', { NODE_OPTIONS: asVersion('22.14.0', '10') });
  t.strictSame({ code, err }, { code: 0, err: '' });
});
