// HTTP by hand, for what fetch hides: when the last byte leaves, and which bytes came back.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

/** A request as it goes over the wire; a POST unless told otherwise. */
export type WireRequest = {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** The body, as a form. */
  readonly form?: Readonly<Record<string, string>>;
  /** The body as it is, in place of a form. */
  readonly raw?: string;
};

/** An answer; `body` is empty where it is not JSON. */
export type WireReply = {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Readonly<Record<string, unknown>>;
};

/** Longer than any answer may take, so that one which never comes is a failure and not a test that hangs. */
const GIVE_UP_AFTER_MS = 20_000;
/** Where it is told to come back: how long a client rests, and how often it does. */
const REST_MS = 50;
const TRIES = 200;

/** Connects and sends all of a request but its last byte; that goes when the returned function is called. */
export async function prepare(url: string, request: WireRequest): Promise<() => Promise<WireReply>> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname)
    .setNoDelay()
    .on('error', () => undefined);
  await once(socket, 'connect');
  const bytes = bytesOf(hostname, request);
  socket.write(bytes.subarray(0, -1));
  return () => {
    const reply = readReply(socket);
    socket.write(bytes.subarray(-1));
    return reply;
  };
}

/** Sends a request on a connection of its own. Rejects when the connection breaks before the answer is whole. */
export async function send(url: string, request: WireRequest): Promise<WireReply> {
  return (await prepare(url, request))();
}

/** Whether an answer is to come back later, in the way in which a server says so. */
export function isForLater({ status, headers }: WireReply): boolean {
  return status === 503 && headers.has('retry-after');
}

/** Sends a request, and again where the answer is to come back: who may retry loses nothing, and a machine may be slow. */
export async function sendAgain(url: string, request: WireRequest): Promise<WireReply> {
  for (let tries = 1; ; tries++) {
    const reply = await send(url, request);
    if (!isForLater(reply) || tries === TRIES) return reply;
    await pause(REST_MS);
  }
}

function bytesOf(host: string, { method = 'POST', path, headers = {}, form, raw }: WireRequest): Buffer {
  const body = raw ?? (form === undefined ? '' : new URLSearchParams(form).toString());
  const all = {
    host,
    connection: 'close',
    ...(form !== undefined && { 'content-type': 'application/x-www-form-urlencoded' }),
    ...(body !== '' && { 'content-length': String(Buffer.byteLength(body)) }),
    ...headers,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(`${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n${body}`);
}

/** Reads one answer and closes the connection. */
export function readReply(socket: Socket): Promise<WireReply> {
  return new Promise((resolve, reject) => {
    let text = '';
    const timer = setTimeout(() => reject(new Error('no answer at all')), GIVE_UP_AFTER_MS);
    const broken = () => {
      clearTimeout(timer);
      reject(new Error('the connection broke'));
    };
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      const reply = parseReply(text);
      if (reply === null) return;
      clearTimeout(timer);
      resolve(reply);
      socket.destroy();
    });
    socket.on('close', broken);
    if (socket.destroyed) broken();
  });
}

/** Takes an answer apart; null while some of it is still to come. */
function parseReply(text: string): WireReply | null {
  const end = text.indexOf('\r\n\r\n');
  if (end === -1) return null;
  const [first = '', ...lines] = text.slice(0, end).split('\r\n');
  const headers = new Headers();
  for (const line of lines) headers.append(line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim());
  const length = Number(headers.get('content-length') ?? 0);
  const body = text.slice(end + 4);
  if (body.length < length) return null;
  const isJson = /json/.test(headers.get('content-type') ?? '') && length > 0;
  return { status: Number(first.split(' ')[1]), headers, body: isJson ? JSON.parse(body) : {} };
}
