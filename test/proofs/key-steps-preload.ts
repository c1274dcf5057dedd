// Loaded into processes of the real program (key-steps.ts): counts its steps on the folder of keys and on the database's
// key ring, writes each down before it happens, and at one of them kills or stops the process, or lets the step fail.
import { appendFileSync, existsSync, promises, writeSync } from 'node:fs';
import { createRequire, syncBuiltinESMExports } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { isMainThread } from 'node:worker_threads';

type Parameters = readonly unknown[];
type Method = (this: unknown, ...parameters: Parameters) => unknown;

const { KEY_STEPS_FOLDER: folder = '', KEY_STEPS_TRACE: trace = '', KEY_STEPS_AT: at = '' } = process.env;
const { KEY_STEPS_DO: act = '', KEY_STEPS_WHILE: switchFile = '', KEY_STEPS_DATABASE: statements } = process.env;
/** What the system says. */
const MESSAGES = new Map(
  Object.entries({ ENOSPC: 'no space left on device', EIO: 'i/o error', EACCES: 'permission denied' }),
);
/** What the system calls are named behind calls on open files. */
const OF_HANDLES = new Map(Object.entries({ writeFile: 'write', sync: 'fsync' }));
const require = createRequire(process.argv[1] ?? '');
let steps = 0;

/** Writes down what comes next, and lets happen what is to happen there. */
function step(call: string, name: string, more: object = {}, beforeEnd = () => {}): void {
  steps++;
  appendFileSync(trace, `${JSON.stringify({ call, name, ...more })}\n`);
  const isHere = switchFile === '' ? String(steps) === at : call === 'writeFile' && existsSync(switchFile);
  if (!isHere) return;
  if (act === 'SIGKILL' || act === 'SIGSTOP') {
    if (act === 'SIGKILL') beforeEnd();
    process.kill(process.pid, act);
  } else if (act !== '') {
    // Like the real ones, which name the file only where the call was given a path.
    const syscall = OF_HANDLES.get(call);
    const said = syscall ?? `${call} '${join(folder, name)}'`;
    throw Object.assign(new Error(`${act}: ${MESSAGES.get(act)}, ${said}`), { code: act, syscall: syscall ?? call });
  }
}

function isOurs(path: unknown): path is string {
  return typeof path === 'string' && (path.startsWith(folder) || path === dirname(folder));
}

function nameOf(path: string): string {
  return relative(folder, path) || '.';
}

function modeOf(option: unknown): unknown {
  return typeof option === 'object' && option !== null && 'mode' in option ? option.mode : option;
}

/** The text of a ring, if it is one: what is going to be there afterwards. */
function ringIn(value: unknown): { ring?: string } {
  return typeof value === 'string' && value.includes('"mintd-key-ring/1"') ? { ring: value } : {};
}

const originals = { ...promises };
const watched = Object.fromEntries(
  (['rename', 'unlink', 'chmod', 'mkdir'] as const).map((call) => {
    const original = Reflect.get<object, string>(originals, call) as Method;
    const replacement = async (...parameters: Parameters) => {
      const [path, second] = parameters;
      const to = typeof second === 'string' ? { to: relative(folder, second) } : {};
      if (isOurs(path)) step(call, nameOf(path), { ...to, ...(call !== 'rename' && { mode: modeOf(second) }) });
      return original(...parameters);
    };
    return [call, replacement];
  }),
);

async function open(path: string, flags?: string, mode?: number): Promise<promises.FileHandle> {
  if (isOurs(path) && flags !== 'r') step('open', nameOf(path), { flags, mode });
  const handle = await originals.open(path, flags, mode);
  if (!isOurs(path)) return handle;
  const { writeFile, sync } = handle;
  return Object.assign(handle, {
    async writeFile(content: string) {
      // Killed in the middle of it.
      step('writeFile', nameOf(path), ringIn(content), () =>
        writeSync(handle.fd, content.slice(0, content.length / 2)),
      );
      return writeFile.call(handle, content);
    },
    async sync() {
      step('sync', nameOf(path));
      return sync.call(handle);
    },
  });
}

Object.assign(promises, { ...watched, open });
syncBuiltinESMExports();
// A worker cannot, and need not.
if (isMainThread) process.umask(0);

const OF_RING = /\bkey_rings\b|\binstallation\b|^(BEGIN|COMMIT)/;

/** Statements count twice: before and after. */
function watch(owner: object, name: string, sqlOf: (self: unknown, parameters: Parameters) => string): void {
  const original: Method = Reflect.get(owner, name);
  Reflect.set(owner, name, function statement(this: unknown, ...parameters: Parameters): unknown {
    const sql = sqlOf(this, parameters);
    if (!OF_RING.test(sql)) return original.apply(this, [...parameters]);
    const verb = sql.trim().split(/\s/, 1)[0] ?? '';
    step('before', verb);
    const after = () => step('after', verb);
    const callback = parameters.at(-1);
    if (typeof callback === 'function') {
      const wrapped = (...answer: Parameters) => {
        after();
        callback(...answer);
      };
      return original.apply(this, [...parameters.slice(0, -1), wrapped]);
    }
    const result = original.apply(this, [...parameters]);
    if (!(result instanceof Promise)) {
      after();
      return result;
    }
    return result.then((answer) => {
      after();
      return answer;
    });
  });
}

if (statements === 'sqlite') {
  const Sqlite = require('better-sqlite3');
  const prototype = Object.getPrototypeOf(new Sqlite(':memory:').prepare('SELECT 1'));
  for (const name of ['run', 'get', 'all', 'iterate'])
    watch(prototype, name, (self) => String(Reflect.get(Object(self), 'source')));
}
if (statements === 'postgres') {
  watch(require('pg').Client.prototype, 'query', (_, [query]) =>
    typeof query === 'string' ? query : String(Reflect.get(Object(query), 'text')),
  );
}
