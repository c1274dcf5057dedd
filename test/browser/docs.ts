import { PASSWORD, type Plays } from './stage.js';

/** The page to try the API on. */
export const docsTests: Plays = {
  'the page at /docs logs in by its Authorize button, and then asks as that user': async (
    t,
    { stage, username, newBrowser },
  ) => {
    const issuer = stage.issuer.url;
    const page = await (await newBrowser()).newPage();
    const elsewhere: string[] = [];
    page.on('request', (request) => {
      if (!/^data:/.test(request.url()) && new URL(request.url()).origin !== issuer) elsewhere.push(request.url());
    });
    await page.goto(`${issuer}/docs`);
    await page.getByRole('button', { name: 'Authorize' }).first().click();
    const login = page.locator('.auth-container', { hasText: 'Flow: password' });
    await login.getByLabel('username').fill(username);
    await login.getByLabel('password').fill(PASSWORD);
    await login.getByLabel('client_id').fill('cli');
    const sent = page.waitForRequest(`${issuer}/token`);
    await login.getByRole('button', { name: 'Apply given OAuth2 credentials' }).click();
    t.equal((await (await sent).response())?.status(), 200);
    await login.getByRole('button', { name: 'Remove authorization' }).waitFor();
    await page.locator('.close-modal').click();

    const userinfo = page.locator('#operations-Users-get_userinfo');
    await userinfo.click();
    await userinfo.getByRole('button', { name: 'Try it out' }).click();
    await userinfo.getByRole('button', { name: 'Execute' }).click();
    const live = userinfo.locator('.live-responses-table');
    await live.getByText('preferred_username').waitFor();
    const answer = await live.innerText();
    t.match(answer, /^\s*Code\s+Details\s+200\b/);
    t.match(answer, `"preferred_username": "${username}"`);
    if (process.env['SCREENSHOTS']) await page.screenshot({ path: `${process.env['SCREENSHOTS']}/docs.png` });
    t.strictSame(elsewhere, [], 'it asks nobody else');
  },
};
