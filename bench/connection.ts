import { connect, type Socket } from 'node:net';

/** An answer over HTTP/1.1, and how long it took. */
export type Answer = { readonly status: number; readonly head: string; readonly body: string; readonly ms: number };

/**
 * One connection that is kept open, with one request in flight. It knows just enough HTTP for the servers measured here, and so
 * costs a small part of what an HTTP client does: whoever measures shares the processors with whom he measures.
 */
export type Connection = {
  /** Sends a request, head and body as they go over the wire. */
  send(request: string): Promise<Answer>;
  close(): void;
};

type Waiting = { readonly from: number; resolve(answer: Answer): void; reject(error: Error): void };

/** Connects with the first request, and again when the server has closed. */
export function openConnection(url: string): Connection {
  const { hostname: host, port } = new URL(url);
  let socket: Socket | null = null;
  let waiting: Waiting | null = null;
  let received = Buffer.alloc(0);

  function settle(): Waiting | null {
    const settled = waiting;
    waiting = null;
    received = Buffer.alloc(0);
    return settled;
  }
  function forget(own: Socket, error: Error): void {
    if (socket !== own) return;
    socket = null;
    own.destroy();
    settle()?.reject(error);
  }
  function open(): Socket {
    const own = connect({ host, port: Number(port), noDelay: true });
    own.on('data', (chunk) => {
      received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
      try {
        const answer = parseAnswer(received);
        if (answer === null) return;
        const settled = settle();
        if (answer.isLast) {
          socket = null;
          own.destroy();
        }
        settled?.resolve({ ...answer, ms: performance.now() - settled.from });
      } catch (error) {
        forget(own, error as Error);
      }
    });
    own.on('error', (error) => forget(own, error));
    own.on('close', () => forget(own, new Error('the server closed the connection without an answer')));
    return own;
  }
  return {
    send(request) {
      return new Promise((resolve, reject) => {
        waiting = { from: performance.now(), resolve, reject };
        socket ??= open();
        socket.write(request);
      });
    },
    close() {
      const own = socket;
      socket = null;
      own?.destroy();
    },
  };
}

/** The answer, as soon as all of it is there. */
function parseAnswer(received: Buffer) {
  const end = received.indexOf('\r\n\r\n');
  if (end < 0) return null;
  const head = received.toString('latin1', 0, end);
  const status = Number(head.slice(9, 12));
  const length = status === 204 || status === 304 ? 0 : Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1]);
  if (Number.isNaN(length)) throw new Error(`an answer without Content-Length: ${head}`);
  const from = end + 4;
  if (received.length < from + length) return null;
  const body = received.toString('utf8', from, from + length);
  return { status, head, body, isLast: /\r\nconnection: *close/i.test(head) };
}

/** A GET as it goes over the wire. */
export function getRequest(url: string): string {
  const { host, pathname } = new URL(url);
  return `GET ${pathname} HTTP/1.1\r\nHost: ${host}\r\nAccept: application/json\r\n\r\n`;
}

/** A form as it goes over the wire. */
export function formRequest(url: string, form: Readonly<Record<string, string>>, authorization?: string): string {
  const { host, pathname } = new URL(url);
  const body = new URLSearchParams(form).toString();
  const credentials = authorization === undefined ? '' : `Authorization: ${authorization}\r\n`;
  const type = 'Content-Type: application/x-www-form-urlencoded';
  return `POST ${pathname} HTTP/1.1\r\nHost: ${host}\r\n${credentials}${type}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
}
