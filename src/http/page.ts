import { createHash } from 'node:crypto';
import type { FastifyReply } from 'fastify';

/** Text that may stand in a page as it is. */
export type Html = { readonly html: string };

type Part = string | number | Html | readonly Html[];

/** HTML with values in it. They are escaped, unless they were made by this function. */
export function html(texts: TemplateStringsArray, ...parts: readonly Part[]): Html {
  return { html: texts.reduce((whole, text, i) => `${whole}${written(parts[i - 1] ?? '')}${text}`) };
}

function written(part: Part): string {
  if (typeof part === 'string' || typeof part === 'number') return escaped(String(part));
  return 'html' in part ? part.html : part.map((one) => one.html).join('');
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? character);
}

/** A page for people, which loads nothing, runs nothing and is kept by no cache. */
export function sendPage(reply: FastifyReply, title: string, body: Html): FastifyReply {
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<link rel="icon" href="${ICON}">
<style>${{ html: STYLE }}</style>
</head>
<body>
<main>
${body}
</main>
</body>
</html>
`;
  return reply.headers(HEADERS).send(page.html);
}

const ICON = `data:image/svg+xml,${encodeURIComponent(
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><circle cx="8" cy="8" r="8" fill="#0a7d5a"/>' +
    '<path d="M4 11.5V5l4 4 4-4v6.5" fill="none" stroke="#fff" stroke-width="1.6"/></svg>',
)}`;

const STYLE = `
:root { --paper: #fbfbf9; --card: #fff; --ink: #1c1f1d; --soft: #5d6660; --line: #e2e5e0; --accent: #0a7d5a; --bad: #b3261e; --code: #f1f4f0 }
@media (prefers-color-scheme: dark) {
  :root { --paper: #131614; --card: #1b1f1c; --ink: #e8ece8; --soft: #9aa59e; --line: #2c322e; --accent: #5fd0a5; --bad: #ff8a80; --code: #111412 }
}
* { box-sizing: border-box }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.55 system-ui, sans-serif }
main { max-width: 46rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem }
h1 { margin: 0; font-size: 1.9rem; letter-spacing: -.02em }
h1 small { font-size: .9rem; font-weight: 400; letter-spacing: 0; color: var(--soft) }
h2 { margin: 2.25rem 0 .6rem; font-size: 1.05rem }
p { margin: .4rem 0 }
a { color: var(--accent) }
code, pre { font: .875em/1.5 ui-monospace, 'Cascadia Mono', Menlo, Consolas, monospace }
code { overflow-wrap: anywhere }
pre { margin: .6rem 0; padding: .8rem 1rem; white-space: pre-wrap; overflow-wrap: anywhere; user-select: all; background: var(--code); border: 1px solid var(--line); border-radius: .5rem }
.soft { color: var(--soft) }
.card { margin: 1.5rem 0 0; padding: 1rem 1.25rem; background: var(--card); border: 1px solid var(--line); border-radius: .75rem }
.state { font-weight: 600; color: var(--accent) }
.state::before { content: ''; display: inline-block; width: .6em; height: .6em; margin-right: .5em; border-radius: 50%; background: currentColor }
.foot { margin-top: 2.25rem }
.state.bad, dd.bad { color: var(--bad) }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .35rem 1.25rem; margin: .6rem 0 0 }
dt { color: var(--soft) }
dd { margin: 0; min-width: 0 }
@media (max-width: 32rem) {
  dl { grid-template-columns: 1fr; gap: 0 }
  dd { margin-bottom: .6rem }
}
`;

/** The style is inline and known by its hash; everything else is refused by the browser. */
const HEADERS = {
  'content-type': 'text/html; charset=utf-8',
  'cache-control': 'no-store',
  'referrer-policy': 'no-referrer',
  'content-security-policy': [
    "default-src 'none'",
    `style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`,
    'img-src data:',
    "form-action 'none'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
};
