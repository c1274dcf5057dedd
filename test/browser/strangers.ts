import type { Frame, Page } from 'playwright-core';
import { logIn, PASSWORD, type Plays, refreshCookie, type Stage, shown } from './stage.js';

/** Everything a script can try, with the cookie of whoever visits it and with a password; what it gets to see. */
function attack(page: Page | Frame, { issuer }: Stage, username: string): Promise<readonly string[]> {
  return page.evaluate(
    async ({ url, known }) => {
      const asked = { 'x-requested-with': 'fetch' };
      const post = (form: Record<string, string>): RequestInit => ({
        method: 'POST',
        body: new URLSearchParams({ client_id: 'web', ...form }),
        credentials: 'include',
      });
      const refresh = post({ grant_type: 'refresh_token' });
      const login = post({ grant_type: 'password', ...known });
      const logout = post({});
      const tries: readonly (readonly [path: string, init: RequestInit])[] = [
        ['/token', { ...refresh, headers: asked }],
        ['/token', refresh],
        ['/token', { ...refresh, mode: 'no-cors' }],
        ['/token', { ...login, headers: asked }],
        ['/token', { ...login, mode: 'no-cors' }],
        ['/userinfo', { credentials: 'include' }],
        ['/sessions', { credentials: 'include' }],
        ['/sessions', { credentials: 'include', method: 'DELETE' }],
        ['/logout', { ...logout, headers: asked }],
        ['/logout', logout],
        ['/logout', { ...logout, mode: 'no-cors' }],
      ];
      const seen: string[] = [];
      for (const [path, init] of tries) {
        const answer = await fetch(url + path, init).then(
          async (response) => `${response.status} ${await response.text()}`,
          (error) => String(error.name),
        );
        seen.push(answer);
      }
      return seen;
    },
    { url: issuer.url, known: { username, password: PASSWORD } },
  );
}

/** An error where it wanted to read the answer, and an empty one where it did not. */
const NOTHING = ['TypeError', 'TypeError', '0 ', 'TypeError', '0 ', ...Array(5).fill('TypeError'), '0 '];

/** The page of another client may read as well that it has no access token. */
const NO_TOKEN =
  '401 {"error":"invalid_token","error_description":"Send an access token in the Authorization header."}';
const NOTHING_FOR_A_NEIGHBOUR = NOTHING.with(5, NO_TOKEN).with(6, NO_TOKEN).with(7, NO_TOKEN);

/** Has the visitor send a form; the status of what comes of it. */
async function sendForm(page: Page, url: string): Promise<number> {
  await page.setContent(`
    <form method="post" action="${url}">
      <input name="client_id" value="web"><input name="grant_type" value="refresh_token"><button>Win</button>
    </form>`);
  const answer = page.waitForResponse(url);
  await page.getByRole('button').click();
  return (await answer).status();
}

/** A frame on a page whose origin is `null`. */
async function sandboxOn(page: Page): Promise<Frame> {
  await page.setContent('<iframe sandbox="allow-scripts" srcdoc="You have won"></iframe>');
  const [, frame] = page.frames();
  if (frame === undefined) throw new Error('no frame');
  return frame;
}

/** Pages of other origins, in the browser of somebody who is logged in. */
export const strangerTests: Plays = {
  'a foreign page gets nothing, and takes nothing away': async (t, { stage, username, newBrowser }) => {
    const context = await newBrowser();
    const page = await logIn(context, stage, username);
    const { value } = await refreshCookie(context);
    const { sameSite, crossSite, neighbour } = stage.foreign;
    for (const [url, visible] of [
      [sameSite, NOTHING],
      [crossSite, NOTHING],
      [neighbour, NOTHING_FOR_A_NEIGHBOUR],
    ] as const) {
      const foreign = await context.newPage();
      await foreign.goto(url);
      t.strictSame(await attack(foreign, stage, username), visible, url);
      t.strictSame(await attack(await sandboxOn(foreign), stage, username), NOTHING, `a sandboxed frame at ${url}`);
      for (const path of ['/token', '/logout']) {
        await foreign.goto(url);
        t.equal(await sendForm(foreign, stage.issuer.url + path), 403, `a form that leads to ${path}`);
      }
    }
    t.equal((await refreshCookie(context)).value, value, 'the cookie is as it was');
    await page.reload();
    t.equal(await shown(page), 'logged in', 'and works');
    t.match((await attack(page, stage, username))[0], /^200 .*access_token/, 'the page itself may do all this');
  },
};
