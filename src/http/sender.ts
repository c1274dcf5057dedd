import { isIP, isIPv4 } from 'node:net';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import ipaddr from 'ipaddr.js';
import type { Sender } from '../accounts/login.js';
import type { TrustedProxies } from '../oauth/trusted-proxies.js';
import { record } from './record.js';

/** Where a request comes from, and whether somebody still waits for the answer. */
export function senderOf(request: FastifyRequest, reply: FastifyReply): Sender {
  const address = addressOf(request);
  // Found out when asked for: a refresh asks for neither.
  return {
    address,
    get network() {
      return networkOf(address);
    },
    get abandoned() {
      return abandonment(reply);
    },
  };
}

function abandonment({ raw }: FastifyReply): AbortSignal {
  const gone = new AbortController();
  raw.once('close', () => {
    if (!raw.writableFinished) gone.abort();
  });
  return gone.signal;
}

/**
 * The address of the client: what a trusted proxy says it is (TRUST_PROXY), and else that of the connection. What is no
 * address, whoever wrote it, is none.
 */
export function addressOf({ ip, socket }: Pick<FastifyRequest, 'ip' | 'socket'>): string | null {
  const text = [ip, socket.remoteAddress].find((one) => one !== undefined && isIP(one) !== 0);
  if (text === undefined || isIPv4(text)) return text ?? null;
  return parsed(text).toString();
}

/** Without the zone of a link-local address, and as IPv4 where IPv6 only wraps it. */
function parsed(address: string): ipaddr.IPv4 | ipaddr.IPv6 {
  return ipaddr.process(address.replace(/%.*$/s, ''));
}

/**
 * Says once that requests seem to come through a proxy that is not trusted: then all of them have its address, and the
 * failed logins of one are those of everybody.
 */
export function warnOfProxies(app: FastifyInstance): void {
  let isSaid = false;
  app.addHook('onRequest', ({ headers, log }, _reply, done) => {
    done();
    if (isSaid || headers['x-forwarded-for'] === undefined) return;
    isSaid = true;
    record(log, { event: 'proxy_not_trusted' });
  });
}

/**
 * What attempts are counted by: of IPv6 the first 64 bits, because a subscriber has all the others (RFC 6177 §2), and
 * would else have as many addresses as he likes.
 */
export function networkOf(address: string | null): string {
  if (address === null) return 'unknown';
  const known = ipaddr.parse(address);
  if (known instanceof ipaddr.IPv4) return address;
  const prefix = known.parts.slice(0, 4).map((part) => part.toString(16));
  return `${prefix.join(':')}::/64`;
}

/** Tells whether whoever is connected to us, at that address, is a proxy that is trusted (TRUST_PROXY). */
export function proxyTest(proxies: TrustedProxies): (address: string | undefined) => boolean {
  if (typeof proxies === 'number') return () => proxies > 0;
  const networks = proxies.map(networkIn);
  return (address) => {
    if (address === undefined || isIP(address) === 0) return false;
    const sender = parsed(address);
    return networks.some((network) => network[0].kind() === sender.kind() && sender.match(network));
  };
}

/** An address is a network of one. */
function networkIn(text: string): [ipaddr.IPv4 | ipaddr.IPv6, number] {
  if (text.includes('/')) return ipaddr.parseCIDR(text);
  const address = ipaddr.process(text);
  return [address, address.kind() === 'ipv4' ? 32 : 128];
}
