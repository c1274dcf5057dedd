import { generateKeyPairSync, sign } from 'node:crypto';
import type { TlsIdentity } from './reverse-proxy.js';

/** One element of DER (X.690): what it is, how long, and what is in it. */
function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

const [INTEGER, BIT_STRING, OBJECT_ID, UTF8_STRING, UTC_TIME, SEQUENCE, SET] = [2, 3, 6, 12, 23, 48, 49] as const;
const ECDSA_WITH_SHA256 = der(SEQUENCE, der(OBJECT_ID, Buffer.from('2a8648ce3d040302', 'hex')));
const COMMON_NAME = der(OBJECT_ID, Buffer.from('550403', 'hex'));

/** A key and the plainest certificate there is (RFC 5280), for localhost, signed by itself. A browser has to be told. */
export function makeTlsIdentity(): TlsIdentity {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const name = der(SEQUENCE, der(SET, der(SEQUENCE, COMMON_NAME, der(UTF8_STRING, Buffer.from('localhost')))));
  const validity = der(SEQUENCE, ...['200101000000Z', '491231235959Z'].map((at) => der(UTC_TIME, Buffer.from(at))));
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  const toBeSigned = der(SEQUENCE, der(INTEGER, Buffer.from([1])), ECDSA_WITH_SHA256, name, validity, name, spki);
  const signature = der(BIT_STRING, Buffer.from([0]), sign('sha256', toBeSigned, privateKey));
  const base64 = der(SEQUENCE, toBeSigned, ECDSA_WITH_SHA256, signature).toString('base64');
  return {
    key: String(privateKey.export({ type: 'pkcs8', format: 'pem' })),
    cert: `-----BEGIN CERTIFICATE-----\n${base64.replace(/.{64}/g, '$&\n')}\n-----END CERTIFICATE-----\n`,
  };
}
