import type { Signer } from '../keys/signer.js';
import type { Client, TokenSettings } from '../oauth/client.js';
import type { Device } from '../oauth/device.js';
import type { RequestParameters } from '../oauth/parameters.js';
import type { EpochMs } from '../oauth/time.js';
import type { PasswordHasher } from '../passwords/hasher.js';
import type { FamilyStore } from '../store/families.js';
import type { UserStore } from '../store/users.js';
import type { TokenRate } from './token-rate.js';

/** Everything the grants need of the world. */
export type GrantDeps = {
  readonly users: UserStore;
  readonly families: FamilyStore;
  readonly hasher: PasswordHasher;
  readonly signer: Pick<Signer, 'sign' | 'longestTtlSeconds'>;
  readonly settings: TokenSettings;
  readonly tokenRate: TokenRate;
  /** Unpredictable bytes. */
  readonly randomBytes: (size: number) => Uint8Array<ArrayBuffer>;
};

/** A request to the token endpoint whose client is known to be who it says. */
export type TokenRequest = {
  readonly client: Client;
  readonly parameters: RequestParameters;
  /** Where it comes from, for a login that begins. */
  readonly device: Device;
  readonly now: EpochMs;
};
