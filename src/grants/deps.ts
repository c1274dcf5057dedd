import type { LoginDeps, Sender } from '../accounts/login.js';
import type { Signer } from '../keys/signer.js';
import type { Client, TokenSettings } from '../oauth/client.js';
import type { Device } from '../oauth/device.js';
import type { RequestParameters } from '../oauth/parameters.js';
import type { EpochMs } from '../oauth/time.js';
import type { FamilyStore } from '../store/families.js';
import type { TokenRate } from './token-rate.js';

/** Everything the grants need of the world. */
export type GrantDeps = {
  readonly login: LoginDeps;
  readonly families: FamilyStore;
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
  readonly sender: Sender;
  readonly now: EpochMs;
};
