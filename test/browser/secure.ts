import { commandLine } from '../cli/harness.js';
import { freePort, serve } from '../process/harness.js';
import { makeTlsIdentity } from './certificate.js';
import { openReverseProxy } from './reverse-proxy.js';
import { fillIn, PASSWORD, type Plays, refreshCookie, shown, startExample } from './stage.js';

/** As in production: page and issuer behind TLS. */
export const secureTests: Plays = {
  'over TLS the cookie is bound to the host, and works the same': async (t, { newBrowser }) => {
    const { mintd, folder, databaseUrl, keysDir } = await commandLine(t);
    const identity = makeTlsIdentity();
    const [issuer, pages] = [await openReverseProxy(t, identity), await openReverseProxy(t, identity)];
    const grants = '--grant password --grant refresh_token';
    const how = `--delivery cookie --origin ${pages.url} --retry-window 1m`;
    t.match(await mintd(`clients add web --kind public ${grants} ${how}`), { code: 0 });
    t.match(await mintd('users add ada --password-stdin', { stdin: PASSWORD }), { code: 0 });
    const production = { NODE_ENV: 'production', ISSUER: issuer.url };
    const server = await serve(t, folder, { DATABASE_URL: databaseUrl, KEYS_DIR: keysDir, ...production });
    issuer.target = server.url;
    const port = String(await freePort());
    pages.target = await startExample(t, 'browser', { ISSUER: issuer.url, CLIENT_ID: 'web', PORT: port });

    const context = await newBrowser();
    const page = await context.newPage();
    await page.goto(pages.url);
    await fillIn(page, 'ada');
    await page.getByText('Logged in as ada').waitFor();
    t.match(await refreshCookie(context), {
      name: '__Host-refresh_token-web',
      secure: true,
      httpOnly: true,
      sameSite: 'Strict',
      path: '/',
      domain: 'localhost',
    });
    await page.reload();
    t.equal(await shown(page), 'logged in');
    await page.getByRole('button', { name: 'Log out' }).click();
    await page.getByText('You are logged out.').waitFor();
    t.strictSame(await context.cookies(), []);
  },
};
