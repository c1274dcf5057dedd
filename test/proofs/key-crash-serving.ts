// Servers that are killed at a step of what they do with the ring by themselves.
import { pino } from 'pino';
import type { Test } from 'tap';
import { readConfig } from '../../src/config.js';
import { openRing } from '../../src/ring.js';
import { openDatabase } from '../../src/store/database.js';
import { start } from '../process/harness.js';
import type { Scene } from './key-crash.js';
import { countSteps } from './key-steps.js';

const SERVER = { HOST: '127.0.0.1', PORT: '0', BCRYPT_COST: '10' };

/** A server that is killed at a step, or stopped as soon as it has said something. */
export async function serveUntil(t: Test, scene: Scene, until: number | RegExp) {
  const steps = countSteps(t, {
    folder: scene.keysDir,
    statements: 'sqlite',
    ...(typeof until === 'number' && { at: until, act: 'SIGKILL' }),
  });
  const server = start(t, scene.folder, 'serve', { ...scene.env, ...SERVER, ...steps.env });
  if (typeof until !== 'number') await server.waitFor(until);
  const exit = await (typeof until === 'number' ? server.exit : server.stop('SIGTERM'));
  return { exit, taken: steps.taken() };
}

/** Starts on the ring once more and looks after it. */
export async function openAgain({ env }: Scene): Promise<void> {
  const config = readConfig(env);
  const database = await openDatabase(config.DATABASE_URL);
  const { keeper } = await openRing(config, pino({ level: 'silent' }), database);
  await keeper.tick();
  await keeper.close();
  await database.close();
}

/** Calls it with each of the steps, two at a time. */
export async function tryEach(steps: readonly number[], work: (step: number) => Promise<void>): Promise<void> {
  const left = [...steps];
  const worker = async () => {
    for (let step = left.shift(); step !== undefined; step = left.shift()) await work(step);
  };
  await Promise.all([worker(), worker()]);
}
