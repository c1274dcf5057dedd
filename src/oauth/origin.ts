/**
 * Whether a text is an origin as browsers write it (RFC 6454 §6.2), of a page that others on the network cannot have
 * changed: https, or http on a loopback address. Never `null`, which every sandboxed page has.
 */
export function isOrigin(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { origin, protocol, hostname } = new URL(text);
  // The parser lets characters through that no host has, `*` among them.
  if (!/^([a-z0-9._-]+|\[[0-9a-f:.]+\])$/.test(hostname)) return false;
  return origin === text && (protocol === 'https:' || (protocol === 'http:' && isLoopback(hostname)));
}

/** Whether the host name of a URL means this very machine. */
export function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}

/**
 * Whether a page is certainly on another site than the issuer, so that browsers send no `SameSite=Strict` cookie with its
 * requests. Sites end at a public suffix, of which there is a long list; what two names of one site share for certain is
 * the last two labels. Addresses, and names of one label, are sites of their own.
 */
export function isOtherSite(origin: string, issuer: string): boolean {
  const [page, server] = [new URL(origin).hostname, new URL(issuer).hostname];
  return page !== server && (isAddress(page) || isAddress(server) || lastTwoLabels(page) !== lastTwoLabels(server));
}

function isAddress(hostname: string): boolean {
  return /^(\[.*\]|[\d.]+)$/.test(hostname);
}

function lastTwoLabels(hostname: string): string {
  return hostname.split('.').slice(-2).join('.');
}
