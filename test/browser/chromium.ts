import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Browser, chromium } from 'playwright-core';
import type { Test } from 'tap';

/** The project's folder. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/**
 * A real Chromium without a window, closed with the test. CHROMIUM names one; without it, Linux on x64 gets the one that
 * tools/chromium names, and other systems use the Chrome that is installed.
 */
export async function launchChromium(t: Test): Promise<Browser> {
  const isLinux = process.platform === 'linux' && process.arch === 'x64';
  const path = process.env['CHROMIUM'] || (isLinux ? await installedChromium() : undefined);
  const browser = await chromium.launch({
    ...(path === undefined ? { channel: 'chrome' } : { executablePath: path }),
    args: ['--no-sandbox', '--disable-background-networking'],
  });
  t.teardown(() => browser.close());
  return browser;
}

const run = promisify(execFile);

/**
 * Installs and unpacks Chromium once. That happens in a folder of its own, which is moved to its place as a whole: the
 * package would unpack it into the system's temporary folder in place, and a second test would start a half-written file.
 */
async function installedChromium(): Promise<string> {
  const tool = join(ROOT, 'tools/chromium');
  const lockfile = readFileSync(join(tool, 'package-lock.json'));
  const cache = join(ROOT, 'node_modules/.cache');
  const installed = join(cache, `chromium-${createHash('sha256').update(lockfile).digest('hex').slice(0, 16)}`);
  const program = join(installed, 'unpacked', 'chromium');
  if (existsSync(program)) return program;
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, 'installing-'));
  for (const name of ['package.json', 'package-lock.json']) copyFileSync(join(tool, name), join(folder, name));
  await run('npm', ['ci', '--ignore-scripts'], { cwd: folder });
  const unpacked = join(folder, 'unpacked');
  mkdirSync(unpacked);
  const script = "import c from '@sparticuz/chromium'; process.stdout.write(await c.executablePath())";
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script], {
    cwd: folder,
    env: { PATH: process.env['PATH'], TMPDIR: unpacked },
  });
  if (stdout !== join(unpacked, 'chromium')) throw new Error(`Chromium was unpacked to ${stdout}`);
  try {
    renameSync(folder, installed);
  } catch (error) {
    // Another test was faster; its copy is as good.
    rmSync(folder, { recursive: true });
    if (!existsSync(program)) throw error;
  }
  return program;
}
