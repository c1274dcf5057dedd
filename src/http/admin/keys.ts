import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { keyJson, planJson } from '../../oauth/key-json.js';
import type { KeyRing } from '../../oauth/key-ring.js';
import type { RotationPlan, RotationRefusal } from '../../oauth/key-rotation.js';
import { viewRing } from '../../oauth/key-states.js';
import { shownTime } from '../../oauth/time.js';
import { sendProblem } from './problem.js';
import { adminSchema, json, optionalBody } from './schema.js';
import { type AdminScopeDeps, adminScope } from './scope.js';
import { KEY, ROTATED, ROTATION } from './shapes.js';

/** What can be done with the key ring from afar. Keys are revoked, moved and imported by command alone. */
export type KeyAdmin = {
  readonly read: () => Promise<KeyRing>;
  readonly rotate: (options: { dryRun: boolean; forced: boolean }) => Promise<RotationPlan | RotationRefusal>;
  readonly nextRotationAt: (ring: KeyRing, now: number) => number | null;
};

const KEYS = '/admin/keys';

/** /admin/keys: the state of the ring, and rotating it. */
export async function adminKeys(
  plugin: FastifyInstance,
  { keys, ...options }: AdminScopeDeps & { readonly keys: KeyAdmin },
): Promise<void> {
  const { app, administratorOf, audit } = adminScope(plugin, options, () => false);
  const listed = json(
    'Every key, and when the next rotation is due.',
    z.object({ keys: z.array(KEY), next_rotation_at: z.string().nullable() }),
  );
  const schema = adminSchema({ summary: 'List the signing keys' }, { 200: listed });
  app.get(KEYS, { schema }, async (request, reply) => {
    const [ring, { now }] = [await keys.read(), administratorOf(request)];
    const next = shownTime(keys.nextRotationAt(ring, now));
    return reply.send({ keys: viewRing(ring, now).map(keyJson), next_rotation_at: next });
  });
  const rotate = adminSchema(
    { summary: 'Make the standby key the next to sign', body: optionalBody(ROTATION) },
    { 200: json('The plan.', ROTATED) },
  );
  app.post(`${KEYS}/rotate`, { schema: rotate }, async (request, reply) => {
    const { dry_run: dryRun, force: forced } = request.body;
    const outcome = await keys.rotate({ dryRun, forced });
    if ('refused' in outcome) {
      return sendProblem(reply, { status: 409, code: outcome.refused, detail: DETAILS[outcome.refused] });
    }
    if (!dryRun) audit(request, 'key_rotated', { kid: outcome.activates.kid, forced });
    return reply.send(planJson(outcome, dryRun));
  });
}

const DETAILS: Readonly<Record<RotationRefusal['refused'], string>> = {
  already_scheduled: 'A rotation is under way: see GET /admin/keys for when the next key signs.',
  clock_behind: "The ring was changed in this server's future: set its clock right.",
  no_standby: 'The ring has no standby key to rotate to.',
  no_active_key: 'The ring has no key that can sign: restore it from a backup.',
};
