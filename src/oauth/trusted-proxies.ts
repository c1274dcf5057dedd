/** Whose `X-Forwarded-For` is believed: that of so many proxies in front, or of those at these addresses. 0 is nobody's. */
export type TrustedProxies = number | readonly string[];

const MOST_PROXIES = 16;

/**
 * Reads `off`, a number of proxies, or a list of addresses and networks (CIDR) with commas in between.
 *
 * @param isNetwork whether a text is an address or a network
 * @returns null when it is none of these. Trusting everybody is not possible: then anybody could choose an address.
 */
export function parseTrustedProxies(text: string, isNetwork: (text: string) => boolean): TrustedProxies | null {
  if (text === 'off') return 0;
  if (/^\d{1,2}$/.test(text)) return Number(text) <= MOST_PROXIES ? Number(text) : null;
  const networks = text.split(',').map((one) => one.trim());
  return networks.every((one) => isNetwork(one) && isUnmistakable(one, isNetwork)) ? networks : null;
}

/** Some read `10/8` as 0.0.0.10 and `010.` as 8: in front of the slash stands a whole address, and behind it no zero first. */
function isUnmistakable(network: string, isNetwork: (text: string) => boolean): boolean {
  return isNetwork(network.replace(/\/.*$/s, '')) && !/\/0|%/.test(network);
}
