import type { Client, JwkSet } from '../oauth/client.js';
import { type ClientAssertion, checkClientAssertion, jwksOf } from '../oauth/client-assertion.js';
import { authenticateClient, type PresentedAssertion, presentedClient } from '../oauth/client-authentication.js';
import type { RequestParameters } from '../oauth/parameters.js';
import { ok, type Result, refuse } from '../oauth/result.js';
import type { EpochMs } from '../oauth/time.js';
import type { ClientAssertionStore } from '../store/client-assertions.js';
import type { ClientStore } from '../store/clients.js';

/** What judging an assertion (RFC 7523 §3) takes. */
export type AssertionChecks = {
  /** The one audience an assertion may have. */
  readonly issuer: string;
  readonly clockSkewSeconds: number;
  readonly isSignedByClient: (assertion: ClientAssertion, jwks: JwkSet) => Promise<boolean>;
  readonly used: Pick<ClientAssertionStore, 'use'>;
};

/** What finding out who is asking takes. */
export type ClientAuthDeps = { readonly clients: ClientStore; readonly assertions: AssertionChecks };

/** Finds the client that is asking and makes sure it is who it says (RFC 6749 §2.3, §3.2.1; RFC 7523 §2.2). */
export async function authenticate(
  { clients, assertions }: ClientAuthDeps,
  authorization: string | undefined,
  parameters: RequestParameters,
  now: EpochMs,
): Promise<Result<Client>> {
  const presented = presentedClient(authorization, parameters);
  if (!presented.ok) return presented;
  const client = await clients.find(presented.value.clientId);
  return presented.value.method === 'private_key_jwt'
    ? authenticateByAssertion(assertions, presented.value, client, now)
    : authenticateClient(presented.value, client, now);
}

/** The `jti` is noted last: nothing is stored for an assertion that is refused, or that the client did not sign. */
async function authenticateByAssertion(
  { issuer, clockSkewSeconds, isSignedByClient, used }: AssertionChecks,
  { assertion }: PresentedAssertion,
  found: Client | null,
  now: EpochMs,
): Promise<Result<Client>> {
  const known = jwksOf(found);
  if (!known.ok) return known;
  const { client, jwks } = known.value;
  const clientId = client.id;
  const checked = checkClientAssertion(assertion, clientId, issuer, now, clockSkewSeconds);
  if (!checked.ok) return checked;
  const isSigned = await isSignedByClient(assertion, jwks);
  if (!isSigned) return refuse({ reason: 'client_assertion_signature_wrong', clientId });
  if (client.disabledAt !== null) return refuse({ reason: 'client_disabled', clientId });
  const isFirst = await used.use(checked.value.id, checked.value.rememberUntil);
  return isFirst ? ok(client) : refuse({ reason: 'client_assertion_replayed', clientId });
}
