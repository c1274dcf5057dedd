import type { Page } from 'playwright-core';
import type { Test } from 'tap';
import { temporaryFolder } from '../helper.js';
import { addressOf, freePort, start } from '../process/harness.js';
import type { Plays } from './stage.js';

/** A server in development that nobody set up: where it is, and the password of the demo user. */
async function firstStart(t: Test): Promise<{ readonly url: string; readonly password: string }> {
  const port = await freePort();
  const server = start(t, temporaryFolder(t), 'serve', { PORT: String(port), BCRYPT_COST: '10' });
  await addressOf(server);
  for (;;) {
    const password = / password=(\S+)\n/.exec(server.stderr())?.[1];
    if (password !== undefined) return { url: `http://localhost:${port}`, password };
    await new Promise((resolve) => server.child.stderr?.once('data', resolve));
  }
}

/** What a page asks of other hosts than its own. */
function elsewhere(page: Page, url: string): string[] {
  const asked: string[] = [];
  page.on('request', (request) => {
    if (!request.url().startsWith('data:') && new URL(request.url()).origin !== url) asked.push(request.url());
  });
  return asked;
}

/** What a person sees who has just started mintd. */
export const firstMinuteTests: Plays = {
  'the page at / leads to the page at /docs, where the demo user logs in with the password alone': async (
    t,
    { newBrowser },
  ) => {
    const { url, password } = await firstStart(t);
    const page = await (await newBrowser()).newPage();
    const others = elsewhere(page, url);
    await page.goto(url);
    await page.getByText('Ready', { exact: true }).waitFor();
    await page.getByRole('link', { name: '/docs' }).click();
    await page.getByRole('button', { name: 'Authorize' }).first().click();
    const dialog = page.locator('.dialog-ux');
    const fields = () => dialog.locator('input:visible').evaluateAll((all) => all.map((one) => one.getAttribute('id')));
    t.strictSame(await fields(), ['oauth_username', 'oauth_password', 'client_id_password', 'client_secret_password']);
    t.equal(await dialog.locator('summary:visible').count(), 3, 'the other ways are a line each');

    const [username, client] = [dialog.locator('#oauth_username'), dialog.locator('#client_id_password')];
    t.strictSame([await username.inputValue(), await client.inputValue()], ['demo', 'demo']);
    await page.keyboard.type(password);
    await page.keyboard.press('Enter');
    const logout = dialog.getByRole('button', { name: 'Remove authorization' });
    await logout.first().waitFor();
    await logout.first().click();
    await username.waitFor();
    t.equal(await username.inputValue(), 'demo', 'and it is ready for another login');
    await dialog.getByText('Or as a client: client_credentials').click();
    t.ok(await dialog.locator('#client_id_clientCredentials').isVisible(), 'the other ways are there');
    t.strictSame(others, [], 'they ask no other host');
  },

  'the page at / is dark where people want that, and fits a phone': async (t, { newBrowser }) => {
    const { url } = await firstStart(t);
    const page = await (await newBrowser()).newPage();
    await page.setViewportSize({ width: 340, height: 600 });
    const colours: unknown[] = [];
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      await page.goto(url);
      colours.push(await page.evaluate('getComputedStyle(document.body).backgroundColor'));
      t.equal(await page.evaluate('document.documentElement.scrollWidth'), 340, 'nothing to scroll to the side');
    }
    t.strictSame(colours, ['rgb(251, 251, 249)', 'rgb(19, 22, 20)']);
  },
};
