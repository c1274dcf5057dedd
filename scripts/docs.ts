// npm run docs: writes docs/configuration.md from the schema of the settings, docs/events.md from the table of events, and
// docs/openapi.json from the schemas of the routes.
// CI runs it and fails on a difference.
import { writeFileSync } from 'node:fs';
import { pino } from 'pino';
import { type AppDeps, buildApp } from '../src/app.js';
import { describeConfig } from '../src/config.js';
import { readVersion } from '../src/version.js';
import { eventsPage } from './events-page.js';

const rows = describeConfig().map(
  ({ name, fallback, description }) => `| \`${name}\` | ${fallback} | ${description.replaceAll('|', '\\|')} |`,
);

const page = `# Configuration

<!-- Written by \`npm run docs\` from src/config-schema.ts. -->

Settings are environment variables; a file \`.env\` in the working directory is read as well, and the environment wins.
Durations are written \`90s\`, \`10m\`, \`12h\`, \`14d\`. All faults are reported at once, and a variable that looks like a misspelt
one stops the start. *Development* means: \`NODE_ENV\` is not \`production\` and \`ISSUER\` is a loopback address.

| variable | default | |
|---|---|---|
${rows.join('\n')}
`;
writeFileSync(new URL('../docs/configuration.md', import.meta.url), page);
writeFileSync(new URL('../docs/events.md', import.meta.url), eventsPage());

// Nothing is asked of it but what its routes are.
const unused = {
  grants: { settings: { issuer: 'https://login.example.com' } },
  accounts: { hasher: {} },
  keyAdmin: {},
  meter: {},
  keeper: {},
  clients: {},
  sessions: {},
} as unknown as AppDeps;
const app = await buildApp({
  ...unused,
  isRegistrationOpen: true,
  trustedProxies: 0,
  readiness: async () => ({ database: false, schema: false, keys: false }),
  clock: Date.now,
  logger: pino({ level: 'silent' }),
  apiDocs: { version: readVersion() },
});
await app.ready();
writeFileSync(new URL('../docs/openapi.json', import.meta.url), `${JSON.stringify(app.swagger(), null, 2)}\n`);
await app.close();
