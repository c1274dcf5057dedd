import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';

/** Looks like the project itself, for code that finds its files by where it is: what is not compiled is linked. */
const OUT = 'build';
const COMPILED = ['bench', 'scripts', 'src', 'test'];
const LINKED = ['dist', 'examples', 'node_modules', 'package.json', 'prisma', 'tools'];

/** What everything is compiled by. */
const SETTINGS = ['package-lock.json', 'scripts/compile.ts', 'tsconfig.json'];

/**
 * Compiles the tests and what they test, once for all of tap's processes: tap's own way, in each of them, took half of a
 * run's time. Only what has changed is compiled, and types are not looked at, which is for `npm run types`.
 */
export async function compile(): Promise<void> {
  const settings = SETTINGS.map(timeOf).join(' ');
  const stamp = join(OUT, 'settings');
  if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== settings) {
    rmSync(OUT, { recursive: true, force: true });
    for (const name of COMPILED) mkdirSync(join(OUT, name), { recursive: true });
    for (const name of LINKED) symlinkSync(join('..', name), join(OUT, name));
    writeFileSync(stamp, settings);
  }
  const sources = COMPILED.flatMap(filesBelow);
  const compiled = new Set(sources.map(compiledPath));
  for (const path of COMPILED.flatMap((name) => filesBelow(join(OUT, name)))) if (!compiled.has(path)) rmSync(path);
  const stale = sources.filter((path) => timeOf(path) !== timeOf(compiledPath(path)));
  if (stale.length === 0) return;
  console.error('compiling the tests …');
  const toJavaScript = await openCompiler();
  for (const path of stale) replace(path, toJavaScript);
}

/** Where a file is when it is compiled: `build/test/x.test.js` for `test/x.test.ts`. */
export function compiledPath(path: string): string {
  return join(OUT, isCompiled(path) ? path.replace(/\.ts$/, '.js') : path);
}

function isCompiled(path: string): boolean {
  return path.endsWith('.ts') && !path.endsWith('.d.ts');
}

function filesBelow(folder: string): readonly string[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

/** When a file was changed, in epoch milliseconds. A compiled file has the time of its source. */
function timeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.mtime.getTime();
}

/** Unlike tsconfig.json: the compiler sees one file at a time, and no package.json that would tell it the kind of module. */
const OVERRIDES = { noEmit: false, module: 'esnext' };

/** Loads TypeScript, which takes half a second. Returns what compiles one file, its source map included. */
async function openCompiler(): Promise<(path: string) => string> {
  const { default: ts } = await import('typescript');
  const { config } = ts.readConfigFile('tsconfig.json', ts.sys.readFile);
  const { options } = ts.convertCompilerOptionsFromJson({ ...config.compilerOptions, ...OVERRIDES }, '.');
  return (path) => {
    const sourceRoot = `${relative(dirname(compiledPath(path)), '.')}/`;
    const compilerOptions = { ...options, inlineSourceMap: true, sourceRoot };
    return ts.transpileModule(readFileSync(path, 'utf8'), { fileName: path, compilerOptions }).outputText;
  };
}

/** Compiles a file; other files, such as a script in Python, are copied. It appears as a whole: another run may read it. */
function replace(path: string, toJavaScript: (path: string) => string): void {
  const [target, unfinished] = [compiledPath(path), join(OUT, `unfinished-${process.pid}`)];
  const { mtime } = statSync(path);
  if (isCompiled(path)) writeFileSync(unfinished, toJavaScript(path));
  else copyFileSync(path, unfinished);
  utimesSync(unfinished, mtime, mtime);
  mkdirSync(dirname(target), { recursive: true });
  renameSync(unfinished, target);
}
