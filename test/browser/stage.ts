import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import type { Test } from 'tap';
import { sqliteFile } from '../../src/store/database.js';
import { type CommandResult, commandLine } from '../cli/harness.js';
import { listenOnFreePort } from '../ports.js';
import { freePort, serve } from '../process/harness.js';
import { launchChromium, ROOT } from './chromium.js';
import { openReverseProxy, passOn, type ReverseProxy } from './reverse-proxy.js';

export const PASSWORD = 'correct horse battery';

/** Everything a page needs, all of it real: Chromium, the issuer behind a reverse proxy, the service, the page's server. */
export type Stage = {
  readonly browser: Browser;
  /** The example's page. Its client is `web`; there is `hasty` as well, whose access tokens live two seconds,
   * and `cli`, which is for no page. */
  readonly page: string;
  readonly issuer: ReverseProxy;
  /** Pages of others: on the issuer's site, on another, and one that may use another client. */
  readonly foreign: { readonly sameSite: string; readonly crossSite: string; readonly neighbour: string };
  /** The issuer's database, for a test that gets in its way. */
  readonly databaseFile: string;
  addUser(name: string): Promise<void>;
};

/** Who plays in a test. */
export type Actors = {
  readonly stage: Stage;
  /** Nobody else's. */
  readonly username: string;
  /** Another browser: it shares no cookie with those before. */
  newBrowser(): Promise<BrowserContext>;
};

/** A test. It fails as well if a page throws an error or breaks its Content-Security-Policy. */
export type Play = (t: Test, actors: Actors) => Promise<void>;

/** Tests by their names. */
export type Plays = Readonly<Record<string, Play>>;

/** Puts everything together; it goes away with the test. */
export async function openStage(t: Test): Promise<Stage> {
  const browser = launchChromium(t);
  const { mintd, folder, databaseUrl, keysDir } = await commandLine(t);
  const issuer = await openReverseProxy(t);
  const page = `http://localhost:${await freePort()}`;
  const foreign = await openForeignPage(t);
  const neighbour = (await openForeignPage(t)).sameSite;
  // A slow machine is no reason to fail: a retry may come late.
  const grants = '--grant password --grant refresh_token --scope api --default-scope api --retry-window 1m';
  for (const client of [
    `web --origin ${page}`,
    `hasty --origin ${page} --access-ttl 2s`,
    `other --origin ${neighbour}`,
  ]) {
    await succeed(mintd(`clients add ${client} --kind public ${grants} --delivery cookie`));
  }
  await succeed(mintd('clients add cli --kind public --grant password'));
  const production = { NODE_ENV: 'production', ISSUER: issuer.url, API_DOCS: 'on' };
  const server = await serve(t, folder, { DATABASE_URL: databaseUrl, KEYS_DIR: keysDir, ...production });
  issuer.target = server.url;
  const service = { ISSUER: issuer.url, AUDIENCE: issuer.url, PORT: '0', ALLOWED_ORIGIN: page };
  const api = await startExample(t, 'resource-service', service);
  await startExample(t, 'browser', { ISSUER: issuer.url, API: api, CLIENT_ID: 'web', PORT: new URL(page).port });
  return {
    browser: await browser,
    page,
    issuer,
    foreign: { ...foreign, neighbour },
    databaseFile: sqliteFile(databaseUrl),
    addUser: (name) => succeed(mintd(`users add ${name} --role admin --password-stdin`, { stdin: PASSWORD })),
  };
}

async function succeed(command: Promise<CommandResult>): Promise<void> {
  const { code, err } = await command;
  if (code !== 0) throw new Error(err);
}

/** Plays a test with a user of its own. */
export async function perform(t: Test, stage: Stage, username: string, play: Play): Promise<void> {
  await stage.addUser(username);
  const troubles: string[] = [];
  await play(t, { stage, username, newBrowser: () => newBrowser(t, stage, troubles) });
  stage.issuer.onTheWay = passOn;
  t.strictSame(troubles, [], 'no error on the page, nothing its policy forbids');
}

async function newBrowser(t: Test, stage: Stage, troubles: string[]): Promise<BrowserContext> {
  const context = await stage.browser.newContext({ ignoreHTTPSErrors: true });
  context.on('page', (page) => {
    const isForeign = () => Object.values(stage.foreign).some((url) => page.url().startsWith(url));
    page.on('pageerror', (error) => troubles.push(error.message));
    page.on('console', (message) => {
      // A refused request is news, and no error of the page.
      const isNews = message.text().startsWith('Failed to load resource');
      if (!isForeign() && message.type() === 'error' && !isNews) troubles.push(message.text());
    });
  });
  t.teardown(() => context.close());
  return context;
}

/** Starts an example as a process of its own; returns the address it prints. */
export async function startExample(t: Test, name: string, env: Record<string, string>): Promise<string> {
  const child = spawn(process.execPath, ['--import', 'tsx', join('examples', name, 'server.ts')], {
    cwd: ROOT,
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit').then(() => {
    throw new Error(`${name} ended`);
  });
  t.teardown(async () => {
    child.kill();
    await ended.catch(() => undefined);
  });
  const [line]: string[] = await Promise.race([once(createInterface({ input: child.stdout }), 'line'), ended]);
  return /http:\/\/\S+/.exec(line ?? '')?.[0] ?? '';
}

/** A page that may do what its visitors' browsers let it. */
async function openForeignPage(t: Test): Promise<{ sameSite: string; crossSite: string }> {
  const server = createServer((_request, reply) => {
    reply.setHeader('content-type', 'text/html').end('<!doctype html><title>You have won</title>');
  });
  const port = await listenOnFreePort(server);
  t.teardown(() => {
    server.close();
    server.closeAllConnections();
  });
  return { sameSite: `http://localhost:${port}`, crossSite: `http://127.0.0.1:${port}` };
}

/** Opens the page in a new tab, on the way to whatever it shows. */
export async function openTab(context: BrowserContext, { page: url }: Stage): Promise<Page> {
  const page = await context.newPage();
  await page.goto(url);
  return page;
}

/** Opens the page in a new tab and logs in by its form. */
export async function logIn(context: BrowserContext, stage: Stage, username: string): Promise<Page> {
  const page = await openTab(context, stage);
  await fillIn(page, username);
  await page.getByText(`Logged in as ${username}`).waitFor();
  return page;
}

/** Fills in the form and sends it. */
export async function fillIn(page: Page, username: string, password = PASSWORD): Promise<void> {
  await page.getByLabel('User name or e-mail').fill(username);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Log in' }).click();
}

/** Waits until a page shows who is logged in, or the form; says which. */
export async function shown(page: Page): Promise<'logged in' | 'logged out'> {
  await page.locator('#account, #login').filter({ visible: true }).waitFor();
  return (await page.locator('#account').isVisible()) ? 'logged in' : 'logged out';
}

/** The cookie of a browser that carries a client's refresh token. */
export async function refreshCookie(context: BrowserContext, client = 'web') {
  const cookie = (await context.cookies()).find(({ name }) => name.endsWith(`refresh_token-${client}`));
  if (cookie === undefined) throw new Error('the browser has no such cookie');
  return cookie;
}
