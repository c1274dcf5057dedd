import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { register } from '../accounts/register.js';
import { REGISTER_PARAMETERS } from '../oauth/endpoint-parameters.js';
import type { EventName } from '../oauth/events.js';
import { PATHS } from '../oauth/metadata.js';
import { optional, readParameters } from '../oauth/parameters.js';
import { ok } from '../oauth/result.js';
import type { EpochMs } from '../oauth/time.js';
import type { ClientStore } from '../store/clients.js';
import { parametersIn, parseOAuthBodies } from './body.js';
import { allowAnyOrigin, answerPreflights } from './cors.js';
import { NO_STORE, refuseWith } from './errors.js';
import { record } from './record.js';
import { answer, publicSchema, refusal } from './route-schema.js';
import { senderOf } from './sender.js';

export type RegisterOptions = {
  readonly clients: ClientStore;
  readonly accounts: Parameters<typeof register>[0];
  readonly clock: () => EpochMs;
};

/** One text for a name that was free and one that was not: else anybody could ask who has an account. */
const ACCEPTED = { status: 'accepted', detail: 'If the name and the address were free, the account exists: log in.' };

const SCHEMA = publicSchema(
  {
    summary: 'Make an account',
    description: 'Only with REGISTRATION=open. The answer does not say whether the name was free.',
    parameters: REGISTER_PARAMETERS,
  },
  {
    202: answer('Accepted.', z.strictObject({ status: z.literal('accepted'), detail: z.string() })),
    400: refusal('invalid_request'),
    429: refusal('temporarily_unavailable'),
    503: refusal('temporarily_unavailable'),
  },
);

/** POST /register: a person makes an account. Only there with REGISTRATION=open. */
export async function registerEndpoint(app: FastifyInstance, options: RegisterOptions): Promise<void> {
  const { clients, accounts, clock } = options;
  parseOAuthBodies(app);
  answerPreflights(app, PATHS.register, ['POST'], clients);
  app.post(PATHS.register, { schema: SCHEMA }, async (request, reply) => {
    await allowAnyOrigin(request, reply, clients);
    const sender = senderOf(request, reply);
    const asked = registrationIn(request.body);
    const done = asked.ok ? await register(accounts, { ...asked.value, sender, now: clock() }) : asked;
    const context = { address: sender.address };
    if (!done.ok) return refuseWith(request, reply, done.refusal, context);
    const { userId } = done.value;
    const event: EventName = userId === null ? 'registration_of_taken_name' : 'user_registered';
    record(request.log, { event, ...(userId !== null && { userId }), ...context });
    return reply.code(202).headers(NO_STORE).send(ACCEPTED);
  });
}

/** Roles, ids and whatever else is sent is not looked at. */
function registrationIn(body: unknown) {
  const parameters = parametersIn(body);
  if (!parameters.ok) return parameters;
  const read = readParameters(REGISTER_PARAMETERS, parameters.value);
  return read.ok ? ok({ ...read.value, email: optional(parameters.value, 'email') }) : read;
}
