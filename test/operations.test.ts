// docs/operations/: what dashboards, alerts and their runbooks name is there.
import { join } from 'node:path';
import { parser } from '@prometheus-io/lezer-promql';
import { pino } from 'pino';
import t, { type Test } from 'tap';
import { parse as parseYaml } from 'yaml';
import { readConfig } from '../src/config.js';
import { startServer } from '../src/serve.js';
import { emptyDatabaseUrl, temporaryFolder } from './helper.js';
import { read } from './layers.js';
import { postToken } from './process/harness.js';

const FOLDER = 'docs/operations';

/** What Grafana puts in the place of its variables. */
const VARIABLES: readonly (readonly [variable: string, value: string])[] = [
  ['$__rate_interval', '1m'],
  ['$instance', '.*'],
];

/** A metric that an expression names, and the labels it asks for or groups by. */
type Named = { readonly metric: string; readonly labels: readonly string[] };

/** The metrics in a PromQL expression, with the labels in their own braces. */
function metricsIn(expression: string): readonly Named[] {
  const named: { metric: string; labels: string[] }[] = [];
  const labelled: string[] = [];
  parser.parse(expression).iterate({
    enter({ name, type, from, to }) {
      const text = expression.slice(from, to);
      if (type.isError) throw new Error(`not PromQL at ${from}: ${expression}`);
      if (name === 'VectorSelector') named.push({ metric: '', labels: [] });
      const selector = named.at(-1);
      const isOwn = selector !== undefined && selector.metric === '';
      if (name === 'Identifier' && isOwn) Object.assign(selector, { metric: text });
      else if (name === 'LabelName' && selector !== undefined) selector.labels.push(text);
      else if (name === 'LabelName') labelled.push(text);
    },
  });
  return named.map(({ metric, labels }) => ({ metric, labels: [...labels, ...labelled] }));
}

/** What Prometheus adds to each sample. */
const ITS_LABELS = ['instance', 'job'];

/** The names of all samples, and the labels each has. */
function exposedIn(text: string): ReadonlyMap<string, ReadonlySet<string>> {
  const exposed = new Map<string, Set<string>>();
  for (const [, name = '', labels = ''] of text.matchAll(/^(\w+)(?:\{(.*)\})? \S+$/gm)) {
    const known = exposed.get(name) ?? new Set(ITS_LABELS);
    for (const [, label = ''] of labels.matchAll(/(\w+)="/g)) known.add(label);
    exposed.set(name, known);
  }
  return exposed;
}

/** What is wrong with an expression, a sentence each. */
function faultsOf(expression: string, exposed: ReturnType<typeof exposedIn>): readonly string[] {
  const plain = VARIABLES.reduce((text, [variable, value]) => text.replaceAll(variable, value), expression);
  const named = metricsIn(plain);
  if (named.length === 0) return [`${expression}: names no metric`];
  return named.flatMap(({ metric, labels }) => {
    const known = exposed.get(metric);
    if (known === undefined) return [`${expression}: there is no ${metric}`];
    return labels.filter((label) => !known.has(label)).map((label) => `${expression}: ${metric} has no ${label}`);
  });
}

/** What a whole server says of itself after a login, a refresh and a refusal. */
async function metricsOfServer(t: Test): Promise<string> {
  const environment = {
    DATABASE_URL: await emptyDatabaseUrl(t, 'sqlite'),
    KEYS_DIR: join(temporaryFolder(t), 'keys'),
    HOST: '127.0.0.1',
    PORT: '0',
    BCRYPT_COST: '10',
  };
  const server = await startServer(readConfig(environment), pino({ level: 'silent' }));
  t.teardown(() => server.close());
  const { clientId = '', username = '', password = '' } = server.demo ?? {};
  const ask = (form: Record<string, string>) => postToken(server.address, { client_id: clientId, ...form });
  const { body } = await ask({ grant_type: 'password', username, password });
  await ask({ grant_type: 'refresh_token', refresh_token: String(body['refresh_token']) });
  await ask({ grant_type: 'refresh_token', refresh_token: 'none' });
  for (;;) {
    const text = await (await fetch(`${server.address}/metrics`)).text();
    // Counted in the background, which has begun by now.
    if (/^mintd_families_alive /m.test(text)) return text;
  }
}

type Rule = {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity?: string };
  readonly annotations: { readonly summary?: string; readonly description?: string; readonly runbook_url?: string };
};
type Target = { readonly expr: string };
type Panel = {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly Target[];
};

const text = await metricsOfServer(t);
const exposed = exposedIn(text);

t.test('a name or label that no server says, and what is not PromQL, is found', (t) => {
  t.strictSame(faultsOf('sum by (grant) (rate(mintd_token_requests_total{result="ok"}[5m]))', exposed), []);
  t.strictSame(faultsOf('mintd_key_ring_faulty == 1 and on () mintd_families_alive > 0', exposed), []);
  const wrong = [
    'mintd_tokens',
    'rate(mintd_keys{stat="x"}[5m])',
    'sum by (grand) (mintd_token_requests_total)',
    '1 + 1',
  ];
  for (const expression of wrong) t.equal(faultsOf(expression, exposed).length, 1, expression);
  t.throws(() => faultsOf('sum(rate(mintd_keys[5m])', exposed), /not PromQL/);
  t.end();
});

t.test('the dashboard asks for what there is, in panels that do not lie upon each other', (t) => {
  const { panels, templating } = JSON.parse(read(join(FOLDER, 'grafana-dashboard.json')));
  const drawn = (panels as readonly Panel[]).filter(({ type }) => type !== 'row');
  t.ok(drawn.length > 15);
  for (const { title, targets = [] } of drawn) {
    t.ok(title !== '' && targets.length > 0, title);
    t.strictSame(
      targets.flatMap(({ expr }) => faultsOf(expr, exposed)),
      [],
      title,
    );
  }
  const [, metric = '', label = ''] = /label_values\((\w+), (\w+)\)/.exec(JSON.stringify(templating)) ?? [];
  t.ok(exposed.get(metric)?.has(label), 'the list of servers');
  t.equal(new Set((panels as readonly Panel[]).map(({ id }) => id)).size, panels.length);
  const places = (panels as readonly Panel[]).flatMap(({ gridPos: { x, y, w, h } }) =>
    Array.from({ length: w * h }, (_, i) => `${x + (i % w)} ${y + Math.floor(i / w)}`),
  );
  t.equal(new Set(places).size, places.length);
  t.end();
});

/** As GitHub makes them of headings. */
function anchorsOf(page: string): readonly string[] {
  return [...page.matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replace(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  );
}

t.test('each alert asks for what there is, and says how bad it is, what it means and what to do', (t) => {
  const { groups } = parseYaml(read(join(FOLDER, 'alerts.yaml')), { strict: true });
  const rules = (groups as readonly { readonly rules: readonly Rule[] }[]).flatMap((group) => group.rules);
  t.ok(rules.length > 10);
  t.equal(new Set(rules.map(({ alert }) => alert)).size, rules.length, 'no name twice');
  for (const { alert, expr, labels, annotations } of rules) {
    t.strictSame(faultsOf(expr, exposed), [], alert);
    t.match(labels.severity, /^(critical|warning)$/, alert);
    t.match(annotations, { summary: /^[A-Z].*[^.]$/, description: /^[A-Z{].*\.$/ }, alert);
    const [page = '', anchor = ''] = annotations.runbook_url?.split('#') ?? [];
    t.match(page, /^docs\/operations\/\w+\.md$/, alert);
    t.ok(anchorsOf(read(page)).includes(anchor), `${alert}: ${anchor}`);
  }
  t.end();
});

t.test('every metric stands in the documentation, and none that is not there', (t) => {
  const documented = [...read(join(FOLDER, 'monitoring.md')).matchAll(/^\| `(\w+)` \| (\w+) \|/gm)];
  const told = [...text.matchAll(/^# TYPE (\w+) (\w+)$/gm)];
  const names = (matches: readonly RegExpMatchArray[]) => matches.map(([, name, type]) => `${name} ${type}`).sort();
  t.strictSame(names(documented), names(told));
  t.end();
});
