import type { FastifyInstance } from 'fastify';
import type { Config } from './config.js';
import { type LogEvent, messageOf } from './oauth/event-messages.js';

type Address = Pick<Config, 'HOST' | 'PORT'>;

/**
 * Listens on HOST and PORT.
 *
 * @throws Error with one line that names the variable which cannot be used, its value and the way out
 */
export async function listen(app: FastifyInstance, { HOST: host, PORT: port }: Address): Promise<void> {
  try {
    await app.listen({ host, port, listenTextResolver: listening });
  } catch (error) {
    const fault = error instanceof Error ? listenFault(error, { HOST: host, PORT: port }) : null;
    throw fault === null ? error : new Error(fault);
  }
}

/** Fastify hands this to the logger as it is, which takes an event as well as a text; its types know only of the text. */
function listening(listensOn: string): string {
  const line: LogEvent = { event: 'listening', listensOn };
  return { ...line, msg: messageOf(line) } as unknown as string;
}

const CHOICE = 'HOST=0.0.0.0 takes all addresses of this machine, HOST=127.0.0.1 serves this machine only';

/** What stands in the way of listening, in one line; null for an error of another kind. */
export function listenFault(error: Error & { code?: unknown; syscall?: unknown }, address: Address): string | null {
  const { code, syscall } = error;
  const { HOST: host, PORT: port } = address;
  const named = `HOST=${/^[\w.:%-]+$/.test(host) ? host : JSON.stringify(host)}`;
  if (syscall === 'getaddrinfo') {
    const why = code === 'EAI_AGAIN' ? 'the name servers do not answer' : 'no address is known for this name';
    return `${named}: ${why} (${code}). Some shells set HOST to the machine's name; ${CHOICE}`;
  }
  switch (code) {
    case 'EADDRINUSE':
      return `something else listens on ${host}:${port} already: set PORT to another`;
    case 'EADDRNOTAVAIL':
      return `${named}: this machine has no such address; ${CHOICE}`;
    // A link-local address without its interface; IPv6 where the machine has none.
    case 'EINVAL':
    case 'EAFNOSUPPORT':
      return `${named}: this machine cannot listen on such an address (${code}); ${CHOICE}`;
    case 'EACCES':
      return port < 1024
        ? `PORT=${port}: this process may not listen on ports below 1024; set PORT to a higher one, or give it CAP_NET_BIND_SERVICE`
        : `PORT=${port}: this process may not listen on it (${code}); set PORT to another`;
    default:
      return null;
  }
}
