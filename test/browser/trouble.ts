import Sqlite from 'better-sqlite3';
import { type OnTheWay, passOn } from './reverse-proxy.js';
import { logIn, type Plays, refreshCookie, shown } from './stage.js';

/** The issuer has handled it, and nobody learns of it. */
const lose: OnTheWay = async (forward) => {
  await forward();
  return null;
};

/** Networks and servers fail; only the issuer's word ends a login. */
export const troubleTests: Plays = {
  'a lost answer logs nobody out': async (t, { stage, username, newBrowser }) => {
    const { issuer } = stage;
    const context = await newBrowser();
    const page = await logIn(context, stage, username);
    const { value } = await refreshCookie(context);
    const { requests } = issuer.seen;
    issuer.onTheWay = (forward) => {
      issuer.onTheWay = passOn;
      return lose(forward);
    };
    await page.reload();
    t.equal(await shown(page), 'logged in', 'the page asked again by itself');
    t.equal(issuer.seen.requests, requests + 2);
    const next = await refreshCookie(context);
    t.not(next.value, value);

    issuer.onTheWay = lose;
    await page.reload();
    await page.getByText('No answer just now.').waitFor();
    t.equal((await refreshCookie(context)).value, next.value, 'the browser has learned of no new token');
    issuer.onTheWay = passOn;
    await page.getByRole('button', { name: 'Try again' }).click();
    t.equal(await shown(page), 'logged in');
  },

  'a 503 logs nobody out': async (t, { stage, username, newBrowser }) => {
    const page = await logIn(await newBrowser(), stage, username);
    const database = new Sqlite(stage.databaseFile);
    t.teardown(() => database.close());
    database.exec('BEGIN IMMEDIATE');
    const refused = page.waitForResponse((response) => response.status() === 503);
    await page.reload();
    const headers = (await refused).headers();
    t.match(headers, { 'retry-after': '1', 'access-control-allow-origin': stage.page }, 'and the page can read it');
    database.exec('ROLLBACK');
    t.equal(await shown(page), 'logged in');
  },
};
