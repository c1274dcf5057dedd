import { EVENTS, type EventName, type EventOrigin, isEventName, membersOf, ORIGINS } from '../src/oauth/events.js';

/** A log line, parsed. */
export type LogLine = Readonly<Record<string, unknown>>;

/** What the logger puts there by itself. */
const PINOS_OWN: ReadonlySet<string> = new Set(['level', 'time', 'msg', 'requestId', 'traceId', 'event']);

const LEVELS = { debug: 20, info: 30, warn: 40, error: 50, fatal: 60 } as const;

/** What an administrator's line has besides. */
const BY: Readonly<Record<EventOrigin, readonly string[]>> = {
  request: [],
  server: [],
  change: ['by', 'address'],
  command: ['by'],
};

/** What is not as src/oauth/events.ts has it, a sentence each. */
export function faultsOfLine(line: LogLine): readonly string[] {
  const { event, level } = line;
  const members = Object.keys(line).filter((name) => !PINOS_OWN.has(name));
  if (event === undefined) return members.length === 0 ? [] : [`a line without event has ${members.join(' ')}`];
  if (!isEventName(event)) return [`there is no event ${String(event)}`];
  const faults = ORIGINS.some((origin) => fits(event, origin, members)) ? [] : [`${event} has ${members.join(' ')}`];
  return level === LEVELS[EVENTS[event].level] ? faults : [...faults, `${event} is of level ${String(level)}`];
}

/** Whether these are the members of an event of that origin, no more and no less. */
export function fits(event: EventName, origin: EventOrigin, members: readonly string[], by = BY[origin]): boolean {
  const line = membersOf(event, origin);
  if (line === null) return false;
  const always: readonly string[] = [...line.always, ...by];
  const known: readonly string[] = [...always, ...line.sometimes];
  return always.every((name) => members.includes(name)) && members.every((name) => known.includes(name));
}
