// npm run docs: writes docs/configuration.md from the schema of the settings, docs/events.md from the table of events,
// docs/openapi.json from the schemas of the routes, the table in docs/operations/monitoring.md from /metrics, and
// docs/performance.md with its charts from what was measured.
// CI runs it and fails on a difference.
import { readFileSync, writeFileSync } from 'node:fs';
import { pino } from 'pino';
import { writePerformance } from '../bench/page.js';
import { type AppDeps, buildApp } from '../src/app.js';
import { describeConfig } from '../src/config.js';
import { openMeter } from '../src/http/metrics/meter.js';
import { readVersion } from '../src/version.js';
import { eventsPage } from './events-page.js';
import { metricsTable, withMetricsTable } from './metrics-table.js';

const rows = describeConfig().map(
  ({ name, fallback, description }) => `| \`${name}\` | ${fallback} | ${description.replaceAll('|', '\\|')} |`,
);

const page = `# Configuration

<!-- Written by \`npm run docs\` from src/config-schema.ts. -->

Settings are environment variables; a file \`.env\` in the working directory is read as well, and the environment wins.
Durations are written \`90s\`, \`10m\`, \`12h\`, \`14d\`. All faults are reported at once. *Development* means: \`NODE_ENV\` is not
\`production\` and \`ISSUER\` is a loopback address.

**A misspelt name stops the start.** \`LOGLEVEL\` looks like \`LOG_LEVEL\`, so mintd asks for the right name instead of ignoring the
variable in silence. Where it belongs to another program (a hosting platform's \`LOGLEVEL\` or \`DATABASE_URI\`), set
\`LOG_LEVEL\` as well: the look-alike is ignored then, and the log says so once (\`variable_ignored\`). \`LOG_LEVEL=\` is enough; an empty
variable keeps the default. What begins with \`MINTD_\` is always taken for a setting: no setting has that prefix, so
\`MINTD_PORT=8080\` stops the start and \`PORT=8080\` is right. Only the variables that Kubernetes sets beside a service called
\`mintd\` are ignored (\`MINTD_PORT=tcp://10.0.0.1:4000\`).

Traces are set up by OpenTelemetry's own variables, \`OTEL_…\`: [monitoring](operations/monitoring.md#traces).

| variable | default | |
|---|---|---|
${rows.join('\n')}
`;
writeFileSync(new URL('../docs/configuration.md', import.meta.url), page);
writeFileSync(new URL('../docs/events.md', import.meta.url), eventsPage());
writePerformance();

// Nothing is asked of it but what its routes and its metrics are.
const queue = { running: 0, waiting: 0, turns: 0, waitedSeconds: 0, refused: {} };
const keys = { activeSince: null, nextRotationAt: null, seenSecondsAgo: 0, isFaulty: false, states: {} };
const unused = {
  grants: { settings: { issuer: 'https://login.example.com' } },
  accounts: { hasher: { status: () => queue } },
  keyAdmin: {},
  meter: openMeter({ version: readVersion(), isWholeProcess: true }),
  tracing: null,
  keeper: { status: () => keys },
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
  apiDocs: { version: readVersion(), swaggerUi: { missing: { command: '', globalCommand: '' } }, hasDemo: false },
  startPage: null,
});
await app.ready();
writeFileSync(new URL('../docs/openapi.json', import.meta.url), `${JSON.stringify(app.swagger(), null, 2)}\n`);
const monitoring = new URL('../docs/operations/monitoring.md', import.meta.url);
const { body: metrics } = await app.inject('/metrics');
writeFileSync(monitoring, withMetricsTable(readFileSync(monitoring, 'utf8'), metricsTable(metrics)));
await app.close();
