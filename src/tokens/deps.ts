import type { Signer } from '../keys/signer.js';
import type { TokenSettings } from '../oauth/client.js';
import type { ClientStore } from '../store/clients.js';
import type { FamilyStore } from '../store/families.js';
import type { UserStore } from '../store/users.js';

/** Everything that looking at a token takes. */
export type TokenDeps = {
  readonly users: UserStore;
  readonly clients: ClientStore;
  readonly families: FamilyStore;
  readonly signer: Pick<Signer, 'verify'>;
  readonly settings: TokenSettings;
};
