import type { Page } from 'playwright-core';
import { type Passed, passOn, startGate } from './reverse-proxy.js';
import { fillIn, logIn, openTab, type Plays, refreshCookie, type Stage, shown } from './stage.js';

/** What pages know. */
declare const navigator: { readonly locks: { query(): Promise<{ readonly pending: readonly unknown[] }> } };

/** A refresh as a script makes it that knows nothing of other tabs; its status. */
function refreshAlone(page: Page, { issuer }: Stage): Promise<number> {
  return page.evaluate(async (url) => {
    const body = new URLSearchParams({ client_id: 'web', grant_type: 'refresh_token' });
    const headers = { 'x-requested-with': 'test' };
    return (await fetch(`${url}/token`, { method: 'POST', body, headers, credentials: 'include' })).status;
  }, issuer.url);
}

/** The refresh token that an answer puts into the cookie. */
const tokenIn = (answer: Passed) => /mrt_[\w-]+/.exec(answer?.headers['set-cookie']?.join() ?? '')?.[0];

const both = (one: Page, two: Page) => Promise.all([shown(one), shown(two)]);

/** Several tabs of one browser share its cookie. */
export const tabTests: Plays = {
  'a logout in one tab ends the other, and a login brings it back': async (t, { stage, username, newBrowser }) => {
    const context = await newBrowser();
    const one = await logIn(context, stage, username);
    const two = await openTab(context, stage);
    t.equal(await shown(two), 'logged in');
    await one.getByRole('button', { name: 'Log out' }).click();
    for (const tab of [one, two]) await tab.getByText('You are logged out.').waitFor();
    t.strictSame(await context.cookies(), [], 'the cookie is gone');
    await two.reload();
    t.equal(await shown(two), 'logged out', 'and no reload brings the login back');
    await fillIn(one, username);
    for (const tab of [one, two]) await tab.getByText(`Logged in as ${username}`).waitFor();
  },

  'two tabs that refresh at the same moment take turns': async (t, { stage, username, newBrowser }) => {
    const { issuer } = stage;
    const context = await newBrowser();
    const one = await logIn(context, stage, username);
    const two = await openTab(context, stage);
    t.equal(await shown(two), 'logged in');
    const watcher = await context.newPage();
    await watcher.goto(`${stage.page}/style.css`);
    issuer.seen.most = 0;
    for (let i = 0; i < 3; i++) {
      let isFirst = true;
      issuer.onTheWay = async (forward) => {
        // The tab that came first has no answer before the other one waits for its turn.
        const isOtherWaiting = async () => (await navigator.locks.query()).pending.length > 0;
        if (isFirst) await watcher.waitForFunction(isOtherWaiting, undefined, { polling: 10 });
        isFirst = false;
        return forward();
      };
      await Promise.all([one.reload(), two.reload()]);
      t.strictSame(await both(one, two), ['logged in', 'logged in']);
    }
    t.equal(issuer.seen.most, 1, 'never two requests at once');
  },

  'even without taking turns, two tabs stay logged in': async (t, { stage, username, newBrowser }) => {
    const { issuer } = stage;
    const context = await newBrowser();
    const one = await logIn(context, stage, username);
    const two = await openTab(context, stage);
    await shown(two);
    for (let i = 0; i < 10; i++) {
      const atOnce = startGate(2);
      const successors: unknown[] = [];
      issuer.onTheWay = async (forward) => {
        await atOnce();
        const answer = await forward();
        successors.push(tokenIn(answer));
        return answer;
      };
      t.strictSame(await Promise.all([refreshAlone(one, stage), refreshAlone(two, stage)]), [200, 200]);
      const { value } = await refreshCookie(context);
      t.strictSame(successors, [value, value], 'both have got the same successor');
    }
    issuer.onTheWay = passOn;
    await Promise.all([one.reload(), two.reload()]);
    t.strictSame(await both(one, two), ['logged in', 'logged in']);
  },

  'a slow answer that puts an older cookie back logs nobody out': async (t, { stage, username, newBrowser }) => {
    const { issuer } = stage;
    const context = await newBrowser();
    const one = await logIn(context, stage, username);
    const two = await openTab(context, stage);
    await shown(two);
    const [isHandled, mayArrive] = [startGate(2), startGate(2)];
    issuer.onTheWay = async (forward) => {
      issuer.onTheWay = passOn;
      const answer = await forward();
      void isHandled();
      await mayArrive();
      return answer;
    };
    const slow = refreshAlone(one, stage);
    await isHandled();
    t.equal(await refreshAlone(two, stage), 200);
    const older = await refreshCookie(context);
    t.equal(await refreshAlone(two, stage), 200);
    t.not((await refreshCookie(context)).value, older.value);
    void mayArrive();
    t.equal(await slow, 200);
    t.equal((await refreshCookie(context)).value, older.value, 'the older one is back');
    await one.reload();
    t.equal(await shown(one), 'logged in');
  },
};
