import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Browser, chromium } from 'playwright-core';
import type { Test } from 'tap';

/** The project's folder. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/**
 * A real Chromium without a window, closed with the test. CHROMIUM names one; without it, Linux on x64 gets the one that
 * came with the packages, and other systems use the Chrome that is installed.
 */
export async function launchChromium(t: Test): Promise<Browser> {
  const isLinux = process.platform === 'linux' && process.arch === 'x64';
  const path = process.env['CHROMIUM'] || (isLinux ? await unpackedChromium() : undefined);
  const browser = await chromium.launch({
    ...(path === undefined ? { channel: 'chrome' } : { executablePath: path }),
    args: ['--no-sandbox', '--disable-background-networking'],
  });
  t.teardown(() => browser.close());
  return browser;
}

/**
 * Unpacks Chromium once. The package itself would do it into the system's temporary folder, in place: a second test
 * would start a half-written file, and so would every test after one that was killed. So it is unpacked elsewhere, in a
 * process whose temporary folder that is, and then moved as a whole.
 */
async function unpackedChromium(): Promise<string> {
  const packed = JSON.parse(readFileSync(join(ROOT, 'node_modules/@sparticuz/chromium/package.json'), 'utf8'));
  const cache = join(ROOT, 'node_modules/.cache');
  const unpacked = join(cache, `chromium-${packed.version}`);
  if (existsSync(unpacked)) return join(unpacked, 'chromium');
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, 'unpacking-'));
  const script = "import c from '@sparticuz/chromium'; process.stdout.write(await c.executablePath())";
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
    cwd: ROOT,
    env: { PATH: process.env['PATH'], TMPDIR: folder },
  });
  if (dirname(stdout) !== folder) throw new Error(`Chromium was unpacked to ${stdout}`);
  try {
    renameSync(folder, unpacked);
  } catch (error) {
    // Another test was faster; its copy is as good.
    rmSync(folder, { recursive: true });
    if (!existsSync(unpacked)) throw error;
  }
  return join(unpacked, basename(stdout));
}
