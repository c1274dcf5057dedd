import { Counter, Gauge, type Registry } from 'prom-client';
import type { QueueStatus } from '../../passwords/queue.js';

/** Passwords that are hashed, wait for it, or were sent away. */
export function passwordMetrics(
  registry: Registry,
  { passwordStatus }: { readonly passwordStatus: () => QueueStatus },
): void {
  const registers = [registry];
  const gauge = (name: string, help: string, value: (status: QueueStatus) => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(value(passwordStatus()));
      },
    });
  const counter = (name: string, help: string, value: (status: QueueStatus) => number) =>
    new Counter({
      name,
      help,
      registers,
      collect() {
        this.reset();
        this.inc(value(passwordStatus()));
      },
    });
  gauge('mintd_password_turns_running', 'Requests that are hashing a password.', ({ running }) => running);
  gauge('mintd_password_turns_waiting', 'Requests that wait until they may hash one.', ({ waiting }) => waiting);
  counter('mintd_password_turns_total', 'Requests that got their turn to hash a password.', ({ turns }) => turns);
  counter('mintd_password_wait_seconds_total', 'How long those waited, together.', (status) => status.waitedSeconds);
  new Counter({
    name: 'mintd_password_turns_refused_total',
    help: 'Requests that were sent away without a turn, by reason.',
    labelNames: ['reason'],
    registers,
    collect() {
      this.reset();
      for (const [reason, count] of Object.entries(passwordStatus().refused)) this.inc({ reason }, count);
    },
  });
}
