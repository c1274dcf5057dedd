import { createHash } from 'node:crypto';
import { CompactEncrypt, compactDecrypt, decodeProtectedHeader, errors } from 'jose';
import { MendableFault } from './faults.js';

/** How private keys are kept, from their PKCS #8 text to what is written and back. */
export type Wrapping = {
  /** As it is kept under the present secret. */
  wrap(privatePem: string): Promise<string>;
  /** @throws Error that ends a sentence beginning with the private key's name */
  unwrap(kept: string): Promise<string>;
};

/** A secret, and the one before it, which only reads: so a secret can be changed while servers run. */
export type Secrets<T> = { readonly present: T | null; readonly previous: T | null };

/**
 * How often PBES2 hashes a passphrase (RFC 7518 §4.8.1.2): as OWASP advises for PBKDF2 with SHA-512. A private key is
 * read seldom, so that may take a tenth of a second.
 */
const PASSPHRASE_ROUNDS = 210_000;
const PASSPHRASE_ALGORITHM = 'PBES2-HS512+A256KW';
const DIRECT = 'dir';
const ENCRYPTION = 'A256GCM';

/** Five parts of base64url (RFC 7516 §7.1). */
const JWE = /^[\w-]+(\.[\w-]*){4}$/;

/**
 * For files: a JWE (RFC 7516) under a passphrase, or without one the plain PKCS #8 text, which only the file's mode
 * protects.
 *
 * @param rounds how often the passphrase is hashed for what is written; tests take fewer
 */
export function wrapWithPassphrase({ present, previous }: Secrets<string>, rounds = PASSPHRASE_ROUNDS): Wrapping {
  const known = [present, previous].flatMap((one) => (one === null ? [] : [new TextEncoder().encode(one)]));
  return {
    async wrap(privatePem) {
      if (present === null) return privatePem;
      const header = { alg: PASSPHRASE_ALGORITHM, enc: ENCRYPTION };
      return new CompactEncrypt(new TextEncoder().encode(privatePem))
        .setProtectedHeader(header)
        .setKeyManagementParameters({ p2c: rounds })
        .encrypt(new TextEncoder().encode(present));
    },
    async unwrap(kept) {
      // Anything else is judged by who reads it as PKCS #8.
      if (!JWE.test(kept.trim())) return kept;
      if (known.length === 0) throw new MendableFault('it is encrypted: set KEYS_PASSPHRASE');
      return unwrapWith(kept, PASSPHRASE_ALGORITHM, known, 'is KEYS_PASSPHRASE the one it was encrypted with?');
    },
  };
}

/** For the database: a JWE (RFC 7516) encrypted with AES-256-GCM directly under a key of 32 bytes. */
export function wrapWithKey({ present, previous }: Secrets<Uint8Array>): Wrapping {
  const known = [present, previous].filter((key) => key !== null);
  return {
    async wrap(privatePem) {
      if (present === null)
        throw new MendableFault('set KEYS_ENCRYPTION_KEY: private keys are not kept in plain text there');
      return new CompactEncrypt(new TextEncoder().encode(privatePem))
        .setProtectedHeader({ alg: DIRECT, enc: ENCRYPTION, kid: keyId(present) })
        .encrypt(present);
    },
    async unwrap(kept) {
      if (known.length === 0) throw new MendableFault('it is encrypted: set KEYS_ENCRYPTION_KEY');
      const names = `it has id ${known.map(keyId).join(', before that ')}`;
      const question = `it wants the key ${writtenUnder(kept)}; is KEYS_ENCRYPTION_KEY right? ${names}`;
      return unwrapWith(kept, DIRECT, known, question);
    },
  };
}

/** Names an encryption key without giving it away: the beginning of its SHA-256. */
function keyId(key: Uint8Array): string {
  return createHash('sha256').update(key).digest('base64url').slice(0, 8);
}

function writtenUnder(kept: string): string {
  try {
    return String(decodeProtectedHeader(kept).kid ?? 'without a name');
  } catch {
    return 'without a name';
  }
}

async function unwrapWith(
  kept: string,
  algorithm: string,
  secrets: readonly Uint8Array[],
  question: string,
): Promise<string> {
  const options = {
    keyManagementAlgorithms: [algorithm],
    contentEncryptionAlgorithms: [ENCRYPTION],
    maxPBES2Count: PASSPHRASE_ROUNDS,
  };
  for (const secret of secrets) {
    try {
      const { plaintext } = await compactDecrypt(kept.trim(), secret, options);
      return new TextDecoder().decode(plaintext);
    } catch (error) {
      if (error instanceof errors.JWEInvalid) throw new Error('it is neither PKCS #8 nor a JWE: it may have been cut');
      if (!(error instanceof errors.JOSEError || error instanceof TypeError)) throw error;
    }
  }
  throw new MendableFault(`it cannot be decrypted: ${question}`);
}
