import { decodeProtectedHeader } from 'jose';
import { revokeKey } from '../../src/keys/changes.js';
import type { CachedDocument } from '../../src/keys/jwks.js';
import { type Keeper, type KeeperLog, type KeeperOptions, openKeeper } from '../../src/keys/keeper.js';
import { rotateKeys } from '../../src/keys/rotate.js';
import type { Signer } from '../../src/keys/signer.js';
import type { KeyStore } from '../../src/keys/store.js';
import type { EpochMs } from '../../src/oauth/time.js';
import { START } from '../helper.js';
import { TIMING } from './support.js';

/** One thing the keeper told the log. */
export type Report = readonly [event: keyof KeeperLog, detail: unknown];

/** A keeper whose clocks the test turns, and that looks after its ring only when the test says so. */
export type TurnedKeeper = {
  readonly keeper: Keeper;
  /** The clock that can be set. */
  readonly clock: { now: EpochMs };
  /** The clock that cannot. */
  readonly steady: { ms: number };
  /** Lets time pass on both. */
  pass(ms: number): void;
  /** Looks after the ring once; what the log was told meanwhile. */
  tick(): Promise<readonly Report[]>;
  /** What the log was told at the start. */
  readonly atStart: readonly Report[];
};

export type KeeperSetup = Partial<Pick<KeeperOptions, 'rotationIntervalSeconds' | 'timing'>> & { now?: EpochMs };

/** Opens a keeper without its timer. */
export async function aKeeper(store: KeyStore, setup: KeeperSetup = {}): Promise<TurnedKeeper> {
  const { now = START, rotationIntervalSeconds = null, timing = TIMING } = setup;
  const clock = { now };
  const steady = { ms: 1_000_000 };
  const reports: Report[] = [];
  const options = { log: logInto(reports), rotationIntervalSeconds, timing };
  const keeper = await openKeeper(store, { ...options, clock: () => clock.now, steadyMs: () => steady.ms });
  await keeper.close();
  const taken = () => reports.splice(0);
  return {
    keeper,
    clock,
    steady,
    pass(ms) {
      clock.now += ms;
      steady.ms += ms;
    },
    async tick() {
      await keeper.tick();
      return taken();
    },
    atStart: taken(),
  };
}

/** A log that is a list. */
export function logInto(reports: Report[]): KeeperLog {
  const say = (event: keyof KeeperLog) => (detail: unknown) => void reports.push([event, detail]);
  return {
    ringReloaded: say('ringReloaded'),
    ringFault: say('ringFault'),
    upkeepFailed: say('upkeepFailed'),
    rotated: say('rotated'),
    notRotated: say('notRotated'),
    destroyed: say('destroyed'),
    clockJumped: say('clockJumped'),
    leftovers: say('leftovers'),
    timingDiffers: say('timingDiffers'),
  };
}

/** The names of what the log was told. */
export const eventsOf = (reports: readonly Report[]) => reports.map(([event]) => event);

/** The key that signs at a moment. */
export async function signingKid(signer: Pick<Signer, 'sign'>, now: EpochMs): Promise<string | undefined> {
  return decodeProtectedHeader(await signer.sign({}, now)).kid;
}

/** The keys of a JWKS. */
export function kidsIn({ text }: CachedDocument): readonly string[] {
  const { keys } = JSON.parse(text) as { keys: { kid: string }[] };
  return keys.map(({ kid }) => kid);
}

/** Plans a rotation as the command does; the new standby. */
export async function rotatedAt(store: KeyStore, now: EpochMs, forced = false): Promise<string> {
  const plan = await rotateKeys(store, { forced }, () => now);
  if ('refused' in plan) throw new Error(plan.refused);
  if (plan.publishes === null) throw new Error('no key was published');
  return plan.publishes.kid;
}

/** Revokes a key as the command does; the key that signs from then on. */
export async function revokedAt(store: KeyStore, kid: string, now: EpochMs): Promise<string> {
  const plan = await revokeKey(store, kid, () => now);
  if ('refused' in plan) throw new Error(plan.refused);
  return plan.signs.kid;
}
