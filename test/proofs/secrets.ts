import { createPrivateKey } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Something nobody may find, by a name that a person understands. */
export type Secret = { readonly name: string; readonly spellings: readonly string[] };

/** Every way in which bytes may stand in a text or a file. */
function spellingsOfBytes(bytes: Buffer): readonly string[] {
  const hex = bytes.toString('hex');
  return [
    bytes.toString('latin1'),
    hex,
    hex.toUpperCase(),
    ...[0, 1, 2].flatMap((before) => base64Within(bytes, before)),
    // As JSON shows a Buffer, and an Uint8Array.
    bytes.join(','),
    [...bytes].map((byte, i) => `"${i}":${byte}`).join(','),
  ];
}

/** Those base64 characters of a longer text that the bytes alone determine, with so many bytes (modulo 3) before them. */
function base64Within(bytes: Buffer, before: number): readonly string[] {
  const padded = Buffer.concat([Buffer.alloc(before), bytes]);
  const [from, to] = [Math.ceil((before * 8) / 6), Math.floor((padded.length * 8) / 6)];
  return (['base64', 'base64url'] as const).map((encoding) => padded.toString(encoding).slice(from, to));
}

/** A secret that is a text. */
export function secretText(name: string, text: string): Secret {
  const json = JSON.stringify(text).slice(1, -1);
  const inUrls = [encodeURIComponent(text), new URLSearchParams({ x: text }).toString().slice(2)];
  const texts = [text, json, JSON.stringify(json).slice(1, -1), ...inUrls];
  return { name, spellings: [...new Set([...texts, ...spellingsOfBytes(Buffer.from(text))])] };
}

/** A secret that is bytes. */
export function secretBytes(name: string, bytes: Buffer): Secret {
  return { name, spellings: spellingsOfBytes(bytes) };
}

/** A refresh token, and each of its parts with which somebody could do harm. */
export function secretsOfRefreshToken(name: string, token: string): readonly Secret[] {
  const bytes = Buffer.from(token.replace(/^mrt_/, ''), 'base64url');
  return [
    secretText(name, token),
    secretBytes(`the handle of ${name}`, bytes.subarray(0, 16)),
    secretBytes(`the secret of ${name}`, bytes.subarray(16, 44)),
  ];
}

/** An access token. Its claims are no secret; with its signature they are one. */
export function secretsOfAccessToken(name: string, token: string): readonly Secret[] {
  const signature = token.split('.')[2] ?? '';
  const bytes = Buffer.from(signature, 'base64url');
  return [secretText(name, token), secretBytes(`the signature of ${name}`, bytes)];
}

/** The private half of every key in a folder. */
export function secretsOfKeys(folder: string): readonly Secret[] {
  const texts = readdirSync(folder).map((name) => ({ name, text: readFileSync(join(folder, name), 'utf8') }));
  const keys = texts.filter(({ text }) => text.includes('PRIVATE KEY'));
  return keys.flatMap(({ name, text }) => {
    const jwk = createPrivateKey(text).export({ format: 'jwk' });
    const members = (['d', 'p', 'q', 'dp', 'dq', 'qi'] as const).map((member) =>
      secretBytes(`${member} of ${name}`, Buffer.from(jwk[member] ?? '', 'base64url')),
    );
    const lines = text.split('\n').filter((line) => line.length > 40 && !line.startsWith('-----'));
    return [...members, { name, spellings: lines }];
  });
}

/** The names of the secrets that stand in a text, each with how it stands there. */
export function leaksIn(text: string, secrets: readonly Secret[]): readonly string[] {
  return secrets.flatMap(({ name, spellings }) =>
    spellings.filter((spelling) => text.includes(spelling)).map((spelling) => `${name}: ${spelling.slice(0, 60)}`),
  );
}
