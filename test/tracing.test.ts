import { once } from 'node:events';
import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import t, { type Test } from 'tap';
import { ConfigError, readConfig } from '../src/config.js';
import { temporaryFolder } from './helper.js';
import { type Collector, collector } from './otlp.js';
import { type Mintd, postToken, serve } from './process/harness.js';

type Variables = Readonly<Record<string, string>>;

/** Whether there are traces; what is wrong, where something is. */
function traced(variables: Variables): boolean | readonly string[] {
  try {
    return readConfig(variables).isTraced;
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
}

t.test("OpenTelemetry's own variables say whether there are traces, and no other", (t) => {
  const here = 'http://localhost:4318';
  const rows: readonly (readonly [variables: Variables, is: boolean | RegExp])[] = [
    [{}, false],
    [{ OTEL_SERVICE_NAME: 'x', OTEL_RESOURCE_ATTRIBUTES: 'a=b', OTEL_TRACES_SAMPLER: 'always_on' }, false],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: here }, true],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: '' }, false],
    [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${here}/v1/traces` }, true],
    [{ OTEL_TRACES_EXPORTER: 'otlp' }, true],
    [{ OTEL_TRACES_EXPORTER: 'none', OTEL_EXPORTER_OTLP_ENDPOINT: here }, false],
    [{ OTEL_SDK_DISABLED: 'TRUE', OTEL_EXPORTER_OTLP_ENDPOINT: here }, false],
    [{ OTEL_SDK_DISABLED: 'false', OTEL_EXPORTER_OTLP_ENDPOINT: here }, true],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: here, OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf' }, true],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: here, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }, /_PROTOCOL must be http\/protobuf/],
    [{ OTEL_TRACES_EXPORTER: 'zipkin' }, /^OTEL_TRACES_EXPORTER must be otlp or none$/],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'localhost:4318' }, /_ENDPOINT must be an http or https URL$/],
    [{ OTEL_TRACES_EXPORTER: 'otlp', OTEL_TRACES_SAMPLER: 'parentbased_traceidratio' }, true],
    [{ OTEL_TRACES_EXPORTER: 'otlp', OTEL_TRACES_SAMPLER: 'ratio' }, /^OTEL_TRACES_SAMPLER must be always_on/],
    [{ OTEL_TRACES_EXPORTER: 'otlp', OTEL_TRACES_SAMPLER_ARG: '7' }, /_ARG must be a number from 0 to 1$/],
    [{ OTEL_TRACES_EXPORTER: 'otlp', OTEL_TRACES_SAMPLER_ARG: '0.01' }, true],
    [{ OTEL_TRACES_EXPORTER: 'otlp', OTEL_BSP_MAX_QUEUE_SIZE: '-5' }, /_QUEUE_SIZE must be a whole number from 1$/],
    [{ OTEL_BSP_MAX_QUEUE_SIZE: '-5' }, false],
  ];
  for (const [variables, is] of rows) {
    const what = JSON.stringify(variables);
    if (is instanceof RegExp) t.match(traced(variables), [is], what);
    else t.equal(traced(variables), is, what);
  }
  t.end();
});

const ALLOWED = /^(http\.(request\.method|route|response\.status_code)|db\.system\.name|mintd\.(outcome|retries))$/;

/** The user, password and client of the first start. */
async function demoOf(server: Mintd): Promise<Record<string, string>> {
  while (!/curl .*\n/.test(server.stderr())) await new Promise((resolve) => server.child.stderr?.once('data', resolve));
  return Object.fromEntries(
    new URLSearchParams([...server.stderr().matchAll(/-d (\S+)/g)].map(([, pair]) => pair).join('&')),
  );
}

/** Asks for tokens with a body that the server has to wait for: what it does then shall still belong to the request. */
async function postLate(url: string, form: Record<string, string>, headers: Record<string, string>) {
  const late = { 'content-type': 'application/x-www-form-urlencoded', expect: '100-continue' };
  const sending = request(`${url}/token`, { method: 'POST', headers: { ...late, ...headers } });
  const answered = once(sending, 'response');
  sending.flushHeaders();
  await once(sending, 'continue');
  sending.end(new URLSearchParams(form).toString());
  const [response] = await answered;
  return JSON.parse(await text(response)) as Record<string, string>;
}

/** Nothing that was sent, and no attribute but those that are meant to be there. */
function assertDiscreet(t: Test, { spans, raw }: Collector, secrets: readonly string[]): void {
  for (const span of spans) {
    const others = Object.keys(span.attributes).filter((name) => !ALLOWED.test(name));
    t.strictSame(others, [], span.name);
    t.match(span, { events: 0, message: '' });
  }
  for (const secret of secrets) t.notOk(raw().includes(secret), `not ${secret.slice(0, 8)}`);
}

t.test('a request is a trace, with what it asks of the database and of bcrypt, and nothing it brought', async (t) => {
  const collects = await collector(t);
  const server = await serve(t, temporaryFolder(t), {
    LOG_LEVEL: 'debug',
    OTEL_EXPORTER_OTLP_ENDPOINT: collects.url,
    OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
    OTEL_BSP_SCHEDULE_DELAY: '20',
    OTEL_EXPORTER_OTLP_TIMEOUT: '20000',
  });
  const demo = await demoOf(server);
  const foreign = { traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`, tracestate: 'x=stranger' };
  const tokens = await postLate(server.url, demo, foreign);
  await fetch(`${server.url}/livez?hint=stranger`);
  await fetch(`${server.url}/stranger/stranger`);
  await fetch(`${server.url}/admin/users`, { method: 'POST', body: '{"stranger' });

  const root = await collects.waitFor(({ name }) => name === 'POST /token');
  for (const name of ['GET /livez', 'GET', 'POST /admin/users']) await collects.waitFor((span) => span.name === name);
  t.match(root, {
    parentSpanId: '',
    attributes: { 'http.request.method': 'POST', 'http.route': '/token', 'http.response.status_code': 200 },
  });
  t.notMatch(root.traceId, /^a+$/, 'a stranger does not choose the trace');
  const own = collects.spans.filter(({ traceId, spanId }) => traceId === root.traceId && spanId !== root.spanId);
  t.ok(own.filter(({ name }) => name === 'database').length >= 3, 'statements');
  for (const name of ['database', 'password wait', 'password verify']) {
    t.equal(own.find((span) => span.name === name)?.parentSpanId, root.spanId, `${name} is below the request`);
  }
  t.match(own.find(({ name }) => name === 'database')?.attributes, {
    'db.system.name': 'sqlite',
    'mintd.outcome': 'ok',
  });
  t.match(collects.resource, { 'service.name': 'mintd', 'deployment.environment.name': 'test' });

  const secrets = [demo['username'], demo['password'], tokens['access_token'], tokens['refresh_token']];
  assertDiscreet(t, collects, [...secrets, 'stranger', 'SELECT'].map(String));
  const line = JSON.parse(await server.waitFor(/"event":"login"/));
  t.equal(line.traceId, root.traceId, 'the log names the trace');

  collects.mood = 'refuses';
  await fetch(`${server.url}/livez`);
  t.match(JSON.parse(await server.waitFor(/"event":"traces_not_sent"/)), { level: 40, err: { message: String } });
  collects.mood = 'cuts';
  const refreshed = await postToken(server.url, {
    grant_type: 'refresh_token',
    client_id: String(demo['client_id']),
    refresh_token: String(tokens['refresh_token']),
  });
  t.equal(refreshed.status, 200, 'a collector that is gone hurts nobody');
  collects.mood = 'is silent';
  t.equal((await fetch(`${server.url}/livez`)).status, 200);
  const since = performance.now();
  t.strictSame(await server.stop('SIGTERM'), { code: 0, signal: null });
  t.ok(performance.now() - since < 8_000, 'nor does one that never answers hold up a stop');
});
