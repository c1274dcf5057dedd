// Loaded only where traces are wanted (src/tracing-settings.ts): it brings much along.
import { FastifyOtelInstrumentation } from '@fastify/otel';
import { context, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { defaultResource, detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources';
import {
  BatchSpanProcessor,
  NodeTracerProvider,
  type ReadableSpan,
  type SpanExporter,
} from '@opentelemetry/sdk-trace-node';
import type { FastifyInstance } from 'fastify';
import type { PasswordObserver } from './passwords/observer.js';
import type { StatementObserver } from './store/observer.js';

/** Traces of what requests do, sent to a collector. */
export type Tracing = {
  readonly statement: StatementObserver;
  readonly password: PasswordObserver;
  /**
   * Makes a span of each request; goes before every other hook.
   *
   * @param isProxy whether a trace may be gone on with that somebody at this address began
   */
  readonly install: (app: FastifyInstance, isProxy: (address: string | undefined) => boolean) => Promise<void>;
  /** Sends what is left, if that can be done in two seconds. */
  close(): Promise<void>;
};

/** What is told of spans that could not be sent, once until it works again. */
export type TracingLog = { readonly notSent: (error: unknown) => void };

/** Whoever waits for the server to stop does not wait for a collector. */
const FLUSH_WITHIN_MS = 2_000;

/**
 * What a span may say. A list of what is allowed: packages put URLs, texts of errors and stacks into spans, and
 * somebody may have put a password into a URL.
 */
const ATTRIBUTES: ReadonlySet<string> = new Set([
  'http.request.method',
  'http.route',
  'http.response.status_code',
  'db.system.name',
  'mintd.outcome',
  'mintd.retries',
]);

/** Headers in which whoever asks says which trace this belongs to. */
const TRACE_HEADERS = ['traceparent', 'tracestate', 'baggage'];

/**
 * Begins to trace. Where to, how much and under which name say OpenTelemetry's own variables in the environment of the
 * process, which its packages read; the name is `mintd` where they name none.
 */
export function startTracing(
  { version, databaseSystem }: { readonly version: string; readonly databaseSystem: string },
  log: TracingLog,
): Tracing {
  const own = resourceFromAttributes({ 'service.name': 'mintd', 'service.version': version });
  const said = detectResources({ detectors: [envDetector] });
  const provider = new NodeTracerProvider({
    resource: defaultResource().merge(own).merge(said),
    spanProcessors: [new BatchSpanProcessor(discreet(new OTLPTraceExporter(), log))],
  });
  provider.register();
  const tracer = provider.getTracer('mintd', version);
  /** What has just ended and took so long, below whatever is going on; nothing where no request is. */
  const record = (name: string, ms: number, kind: SpanKind, attributes: Record<string, string | number>) => {
    if (trace.getActiveSpan()?.isRecording() !== true) return null;
    const endTime = Date.now();
    return { endTime, span: tracer.startSpan(name, { kind, attributes, startTime: endTime - ms }) };
  };
  return {
    statement({ ms, outcome, retries }) {
      const attributes = { 'db.system.name': databaseSystem, 'mintd.outcome': outcome, 'mintd.retries': retries };
      const recorded = record('database', ms, SpanKind.CLIENT, attributes);
      if (outcome === 'unavailable' || outcome === 'failed') recorded?.span.setStatus({ code: SpanStatusCode.ERROR });
      recorded?.span.end(recorded.endTime);
    },
    password(phase, ms) {
      const recorded = record(`password ${phase}`, ms, SpanKind.INTERNAL, {});
      recorded?.span.end(recorded.endTime);
    },
    install: (app, isProxy) => install(app, provider, isProxy),
    async close() {
      let timer: NodeJS.Timeout | undefined;
      const given = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, FLUSH_WITHIN_MS);
      });
      await Promise.race([provider.shutdown().catch(log.notSent), given]);
      clearTimeout(timer);
    },
  };
}

async function install(
  app: FastifyInstance,
  provider: NodeTracerProvider,
  isProxy: (address: string | undefined) => boolean,
): Promise<void> {
  const instrumentation = new FastifyOtelInstrumentation({
    instrumentHooks: false,
    instrumentHandler: false,
    recordExceptions: false,
    requestHook(span, request) {
      span.updateName(`${request.method} ${request.routeOptions.url ?? ''}`.trim());
      request.log = request.log.child({ traceId: span.spanContext().traceId });
    },
  });
  instrumentation.setTracerProvider(provider);
  // Anybody could have their requests traced, or hide them in another's trace.
  app.addHook('onRequest', (request, _reply, done) => {
    if (!isProxy(request.socket.remoteAddress)) for (const name of TRACE_HEADERS) delete request.headers[name];
    done();
  });
  await app.register(instrumentation.plugin());
  // Reading a body leaves the context of its request; what the handler does shall be in it again.
  app.addHook('preHandler', (request, _reply, done) => {
    context.with(request.opentelemetry().context ?? ROOT_CONTEXT, done);
  });
}

/** Sends spans with nothing in them but what may be said; a failure is told once, and hurts nobody. */
function discreet(exporter: SpanExporter, log: TracingLog): SpanExporter {
  let isFailing = false;
  return {
    export(spans, done) {
      exporter.export(spans.map(discreetly), (result) => {
        const fails = result.error !== undefined;
        if (fails && !isFailing) log.notSent(result.error);
        isFailing = fails;
        done(result);
      });
    },
    shutdown: () => exporter.shutdown(),
    forceFlush: async () => exporter.forceFlush?.(),
  };
}

function discreetly(span: ReadableSpan): ReadableSpan {
  const attributes = Object.fromEntries(Object.entries(span.attributes).filter(([name]) => ATTRIBUTES.has(name)));
  const cleaned = { attributes, events: [], links: [], status: { code: span.status.code } };
  const descriptors = Object.entries(cleaned).map(([name, value]) => [name, { value }]);
  return Object.create(span, Object.fromEntries(descriptors));
}
