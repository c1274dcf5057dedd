import { join } from 'node:path';
import type { BrowserContext, Page } from 'playwright-core';
import { fillIn, logIn, openTab, type Plays, refreshCookie, type Stage, shown } from './stage.js';

/** What pages know. */
declare const document: { readonly cookie: string };
declare const localStorage: { readonly length: number };
declare const sessionStorage: { readonly length: number };
declare const indexedDB: { databases(): Promise<readonly unknown[]> };
declare const caches: { keys(): Promise<readonly string[]> };

const SCREENSHOTS = process.env['SCREENSHOTS'];

async function takePicture(page: Page, name: string): Promise<void> {
  if (SCREENSHOTS) await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`), fullPage: true });
}

/** A tab whose clock the test turns. */
async function logInWithClock(context: BrowserContext, { page: url }: Stage, username: string): Promise<Page> {
  const page = await context.newPage();
  await page.clock.install();
  await page.goto(url);
  await fillIn(page, username);
  await page.getByText(`Logged in as ${username}`).waitFor();
  return page;
}

/** Makes the pages of a browser use the client whose access tokens live two seconds. */
async function useHastyClient(context: BrowserContext): Promise<void> {
  await context.route('**/config.js', async (route) => {
    const answer = await route.fetch();
    await route.fulfill({ response: answer, body: (await answer.text()).replace('"web"', '"hasty"') });
  });
}

/** The life of a login, as its person sees it. */
export const loginTests: Plays = {
  'a login shows the name and calls the service': async (t, { stage, username, newBrowser }) => {
    const page = await openTab(await newBrowser(), stage);
    t.equal(await shown(page), 'logged out');
    const { 'content-security-policy': policy } = (await page.request.get(stage.page)).headers();
    t.match(policy, /default-src 'none'; script-src 'self';/);
    await takePicture(page, 'before');
    await fillIn(page, username, 'not the password');
    await page.getByText('The user name or the password is wrong.').waitFor();
    await fillIn(page, username);
    await page.getByText(`Logged in as ${username}`).waitFor();
    await page.getByRole('button', { name: 'Who am I?' }).click();
    await page.getByText('HTTP 200').waitFor();
    t.match(await page.locator('#answer').innerText(), `"username": "${username}"`);
    await takePicture(page, 'after');
  },

  'no script can read the refresh token': async (t, { stage, username, newBrowser }) => {
    const context = await newBrowser();
    const page = await logIn(context, stage, username);
    const cookie = await refreshCookie(context);
    t.match(cookie, { name: 'refresh_token-web', httpOnly: true, sameSite: 'Strict', path: '/', domain: 'localhost' });
    t.match(cookie.value, /^mrt_/);
    const readable = await page.evaluate(async (url) => {
      const body = new URLSearchParams({ client_id: 'web', grant_type: 'refresh_token' });
      const headers = { 'x-requested-with': 'test' };
      const answer = await fetch(`${url}/token`, { method: 'POST', body, headers, credentials: 'include' });
      return {
        cookie: document.cookie,
        stored: [localStorage.length, sessionStorage.length, (await indexedDB.databases()).length],
        caches: await caches.keys(),
        status: answer.status,
        answer: await answer.text(),
        headers: [...answer.headers].flat().join(),
      };
    }, stage.issuer.url);
    t.match(readable, { cookie: '', stored: [0, 0, 0], status: 200 });
    t.strictSame(readable.caches, []);
    t.strictSame(Object.keys(JSON.parse(readable.answer)), ['access_token', 'token_type', 'expires_in', 'scope']);
    t.notMatch(JSON.stringify(readable), /mrt_|set-cookie/i);
    t.not((await refreshCookie(context)).value, cookie.value, 'and yet that very answer had a new one');
  },

  'a reload takes up the login again, silently': async (t, { stage, username, newBrowser }) => {
    const context = await newBrowser();
    const page = await logIn(context, stage, username);
    for (let i = 0; i < 3; i++) {
      await page.reload();
      t.equal(await shown(page), 'logged in');
    }
    await page.close();
    t.equal(await shown(await openTab(context, stage)), 'logged in', 'and so does a new tab after the last was closed');
  },

  'a new access token is fetched before the old one runs out': async (t, { stage, username, newBrowser }) => {
    const context = await newBrowser();
    const page = await logInWithClock(context, stage, username);
    for (let i = 0; i < 3; i++) {
      const { value } = await refreshCookie(context);
      const answer = page.waitForResponse(`${stage.issuer.url}/token`);
      await page.clock.fastForward('09:00');
      t.equal((await answer).status(), 200);
      t.not((await refreshCookie(context)).value, value);
    }
  },

  'with an expired access token, a call works after a silent refresh': async (t, { stage, username, newBrowser }) => {
    const context = await newBrowser();
    await useHastyClient(context);
    const page = await logInWithClock(context, stage, username);
    // The page's clock stands still, like that of a laptop that sleeps: nothing is renewed in time.
    await page.clock.pauseAt(Date.now() + 1000);
    const statuses: number[] = [];
    page.on('response', (response) => {
      if (response.url().endsWith('/whoami') && response.request().method() === 'GET') statuses.push(response.status());
    });
    await new Promise((resolve) => setTimeout(resolve, 2000));
    const { requests } = stage.issuer.seen;
    await page.getByRole('button', { name: 'Who am I?' }).click();
    await page.getByText('HTTP 200').waitFor();
    t.strictSame(statuses, [401, 200]);
    t.equal(stage.issuer.seen.requests, requests + 1);
  },

  'a device that was ended from the list is out at its next refresh': async (t, { stage, username, newBrowser }) => {
    const there = await logInWithClock(await newBrowser(), stage, username);
    const here = await logIn(await newBrowser(), stage, username);
    const devices = here.locator('#devices li');
    await here.getByText('this one', { exact: true }).waitFor();
    t.equal(await devices.count(), 2);
    const end = here.getByRole('button', { name: 'End this one' });
    await end.click();
    await end.waitFor({ state: 'detached' });
    t.equal(await devices.count(), 1);
    t.equal(await shown(there), 'logged in', 'it cannot know yet');
    await there.clock.fastForward('09:00');
    await there.getByText('You are logged out.').waitFor();
    await here.reload();
    t.equal(await shown(here), 'logged in', 'the device that ended it goes on');
  },

  'one browser keeps the logins of two clients apart': async (t, { stage, username, newBrowser }) => {
    const context = await newBrowser();
    const web = await logIn(context, stage, username);
    await useHastyClient(context);
    const hasty = await logIn(context, stage, username);
    t.not((await refreshCookie(context, 'web')).value, (await refreshCookie(context, 'hasty')).value);
    await hasty.getByRole('button', { name: 'Log out' }).click();
    await hasty.getByText('You are logged out.').waitFor();
    t.equal(await shown(web), 'logged in');
    await context.unroute('**/config.js');
    await web.reload();
    t.equal(await shown(web), 'logged in');
  },
};
