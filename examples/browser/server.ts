// Serves the page. In production your web server does this: what matters is the Content-Security-Policy. The page gets
// its settings as a module, so that no script has to stand in the HTML.
//
//   PORT=8080 ISSUER=http://localhost:4000 API=http://127.0.0.1:5000 CLIENT_ID=browser npx tsx examples/browser/server.ts
import { readFile } from 'node:fs/promises';
import Fastify from 'fastify';

const {
  PORT = '8080',
  ISSUER = 'http://localhost:4000',
  API = 'http://127.0.0.1:5000',
  CLIENT_ID = 'browser',
} = process.env;

const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  'img-src data:',
  // The only places a script of this page can send anything to.
  `connect-src ${new URL(ISSUER).origin} ${new URL(API).origin}`,
  // The form is sent by script, so that no password can end up in a URL.
  "form-action 'none'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
  // No text becomes HTML or code.
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ');

const app = Fastify();

app.addHook('onRequest', async (_request, reply) => {
  reply.headers({
    'content-security-policy': policy,
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cache-control': 'no-cache',
  });
});

for (const [path, file, type] of [
  ['/', 'index.html', 'text/html; charset=utf-8'],
  ['/app.js', 'app.js', 'text/javascript; charset=utf-8'],
  ['/login.js', 'login.js', 'text/javascript; charset=utf-8'],
  ['/answers.js', 'answers.js', 'text/javascript; charset=utf-8'],
  ['/style.css', 'style.css', 'text/css; charset=utf-8'],
] as const) {
  app.get(path, async (_request, reply) => reply.type(type).send(await readFile(new URL(file, import.meta.url))));
}

const settings = { issuer: ISSUER, api: API, clientId: CLIENT_ID };
app.get('/config.js', async (_request, reply) =>
  reply.type('text/javascript; charset=utf-8').send(`export const settings = ${JSON.stringify(settings)};\n`),
);

await app.listen({ host: 'localhost', port: Number(PORT) });
// By this name, and not as 127.0.0.1: page and issuer must be on one site.
console.log(`open http://localhost:${PORT}`);
