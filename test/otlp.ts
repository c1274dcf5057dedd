import { once } from 'node:events';
import { createServer } from 'node:http';
import { buffer } from 'node:stream/consumers';
import type { Test } from 'tap';
import { listenOnFreePort } from './ports.js';

/** What a collector was sent of one span. */
export type Span = {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly attributes: Readonly<Record<string, string | number>>;
  readonly events: number;
  readonly message: string;
};

/** How a collector behaves: as it should, cutting connections, or never answering. */
type Mood = 'answers' | 'cuts' | 'is silent';

export type Collector = {
  readonly url: string;
  readonly spans: Span[];
  /** Of what sent them: `service.name` and the like. */
  readonly resource: Record<string, string | number>;
  /** All bytes so far, as text of one character a byte. */
  readonly raw: () => string;
  mood: Mood;
  /** Resolves when there is a span that is like this. */
  waitFor(is: (span: Span) => boolean): Promise<Span>;
};

type Field = { readonly number: number; readonly value: number | Buffer };

/** The fields of a protobuf message. Numbers beyond 2^53 come out wrong: nobody asks for times here. */
function* fieldsIn(bytes: Buffer): Generator<Field> {
  let at = 0;
  const varint = () => {
    for (let [value, factor] = [0, 1]; ; factor *= 128) {
      const byte = bytes[at++] ?? 0;
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const key = varint();
    const type = key & 7;
    if (type === 0) yield { number: key >>> 3, value: varint() };
    else {
      const length = type === 2 ? varint() : type === 1 ? 8 : 4;
      yield { number: key >>> 3, value: bytes.subarray(at, at + length) };
      at += length;
    }
  }
}

/** The messages in the fields of a number. */
const messages = (bytes: Buffer, number: number) =>
  [...fieldsIn(bytes)].flatMap(({ number: is, value }) => (is === number && Buffer.isBuffer(value) ? [value] : []));

const first = (bytes: Buffer, number: number) => messages(bytes, number)[0] ?? Buffer.alloc(0);

/** `KeyValue` messages: a string, or a whole number. */
function attributesIn(bytes: Buffer, number: number): Record<string, string | number> {
  return Object.fromEntries(
    messages(bytes, number).map((pair) => {
      const [value] = fieldsIn(first(pair, 2));
      const { value: given = '' } = value ?? {};
      return [String(first(pair, 1)), Buffer.isBuffer(given) ? String(given) : given];
    }),
  );
}

function spanIn(bytes: Buffer): Span {
  return {
    name: String(first(bytes, 5)),
    traceId: first(bytes, 1).toString('hex'),
    spanId: first(bytes, 2).toString('hex'),
    parentSpanId: first(bytes, 4).toString('hex'),
    attributes: attributesIn(bytes, 9),
    events: messages(bytes, 11).length,
    message: String(first(first(bytes, 15), 2)),
  };
}

/** A collector of traces, which speaks OTLP over HTTP with protobuf (opentelemetry-proto, ExportTraceServiceRequest). */
export async function collector(t: Test): Promise<Collector> {
  const waiting = new Set<() => void>();
  const chunks: Buffer[] = [];
  const server = createServer(async (request, response) => {
    if (self.mood === 'cuts') request.socket.destroy();
    if (self.mood !== 'answers') return;
    const body = await buffer(request);
    chunks.push(body);
    for (const resourceSpans of messages(body, 1)) {
      Object.assign(self.resource, attributesIn(first(resourceSpans, 1), 1));
      for (const scope of messages(resourceSpans, 2)) self.spans.push(...messages(scope, 2).map(spanIn));
    }
    response.setHeader('content-type', 'application/x-protobuf').end();
    for (const wake of waiting) wake();
    waiting.clear();
  });
  const self: Collector = {
    url: `http://127.0.0.1:${await listenOnFreePort(server)}`,
    spans: [],
    resource: {},
    raw: () => Buffer.concat(chunks).toString('latin1'),
    mood: 'answers',
    async waitFor(is) {
      for (;;) {
        const found = self.spans.find(is);
        if (found !== undefined) return found;
        await new Promise<void>((resolve) => waiting.add(resolve));
      }
    },
  };
  t.teardown(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  return self;
}
