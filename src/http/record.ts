import { type LogEvent, messageOf } from '../oauth/event-messages.js';
import { EVENTS, type EventLevel } from '../oauth/events.js';

/** What takes a line: a logger of pino, of the server or of one request. */
export type LineLog = Readonly<Record<EventLevel, (line: object, message: string) => void>>;

/** Writes one event down. How loud, and in which words, is said once for each event: in src/oauth/events.ts and event-messages.ts. */
export function record(log: LineLog, line: LogEvent): void {
  log[EVENTS[line.event].level](line, messageOf(line));
}
