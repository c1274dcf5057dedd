import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import t from 'tap';
import { withRange } from '../src/version.js';
import { temporaryFolder } from './helper.js';

const folder = temporaryFolder(t);

/** A package in the folder's node_modules. */
function addPackage(name: string, type: 'module' | 'commonjs', source?: string): void {
  const path = join(folder, 'node_modules', name);
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, 'package.json'), JSON.stringify({ name, type, main: 'index.js' }));
  if (source !== undefined) writeFileSync(join(path, 'index.js'), source);
}

addPackage('@some/whole', 'module', 'export default 1;');
addPackage('@some/lacking', 'module', "import '@some/absent-of-its-own';");
addPackage('@some/lacking-cjs', 'commonjs', "require('@some/absent-of-its-own');");
addPackage('@some/empty', 'module');
addPackage('@some/broken', 'module', 'throw new Error("it is broken");');

type Outcome = { readonly outcome?: object; readonly thrown?: { readonly code?: string; readonly message: string } };

/** In a process of its own: the hooks of tap take the code from errors of loading. */
async function importing(names: readonly string[], source: string): Promise<Outcome> {
  writeFileSync(join(folder, 'load.mjs'), source);
  writeFileSync(
    join(folder, 'main.mjs'),
    `import { importOptional } from ${JSON.stringify(pathToFileURL(resolve('dist/optional-package.js')).href)};
    const outcome = await importOptional(${JSON.stringify(names)}, () => import('./load.mjs')).then(
      ({ module, missing }) => ({ outcome: { module: { ...module }, missing } }),
      ({ code, message }) => ({ thrown: { code, message } }),
    );
    console.log(JSON.stringify(outcome));`,
  );
  const { stdout } = await promisify(execFile)(process.execPath, [join(folder, 'main.mjs')], { env: {} });
  return JSON.parse(stdout);
}

t.test('a package that is there is loaded', async (t) => {
  const source = "export { default as theirs } from '@some/whole'; export const own = 2;";
  t.strictSame(await importing(['@some/whole'], source), { outcome: { module: { theirs: 1, own: 2 } } });
});

t.test('one that is not installed is missing, and it is said how to get it', async (t) => {
  t.match(await importing(['@some/absent'], "import '@some/absent';"), {
    outcome: {
      missing: {
        names: ['@some/absent'],
        command: 'npm install @some/absent',
        globalCommand: 'npm install -g @some/absent',
        sentence:
          'not installed: @some/absent. Get it with `npm install @some/absent`, or `npm install -g @some/absent` where mintd is global',
      },
    },
  });
  const some = await importing(['@some/whole', '@some/absent'], "import '@some/whole'; import '@some/absent/part';");
  t.match(
    some,
    { outcome: { missing: { command: 'npm install @some/whole @some/absent' } } },
    'of several, all are named',
  );
});

t.test('a package that package.json names is asked for in the range it was tested in', (t) => {
  t.match(withRange('@fastify/swagger-ui'), /^@fastify\/swagger-ui@[~^]\d+\.\d+\.\d+$/);
  t.equal(withRange('@some/absent'), '@some/absent');
  t.end();
});

t.test('every other error is thrown', async (t) => {
  const rows: readonly (readonly [name: string, source: string, thrown: object])[] = [
    ['a package that lacks one of its own', "import '@some/lacking';", { code: 'ERR_MODULE_NOT_FOUND' }],
    ['the same in CommonJS', "import '@some/lacking-cjs';", { code: 'MODULE_NOT_FOUND' }],
    ['a package without its file', "import '@some/empty';", { code: 'ERR_MODULE_NOT_FOUND' }],
    ['a package that fails', "import '@some/broken';", { message: 'it is broken' }],
    ['another package than the optional one', "import '@some/absentee';", { code: 'ERR_MODULE_NOT_FOUND' }],
  ];
  const names = ['@some/absent', '@some/lacking', '@some/lacking-cjs', '@some/empty', '@some/broken'];
  for (const [sentence, source, thrown] of rows) t.match(await importing(names, source), { thrown }, sentence);
});
