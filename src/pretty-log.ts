// Loaded only where a person reads the log (src/program.ts): production never needs it.
import { prettyFactory } from 'pino-pretty';

/** What pino writes to. */
export type LineStream = { readonly write: (line: string) => void };

type Members = Readonly<Record<string, unknown>>;
type Colours = Readonly<Record<'gray' | 'red', (text: string) => string>>;

/** The sentence has them already, or a person at a terminal does not need them. */
const LEFT_OUT: ReadonlySet<string> = new Set(['level', 'time', 'msg', 'event', 'err', 'requestId', 'traceId']);

/**
 * Writes log lines for a person at a terminal: time, level and sentence, then the event with those members that the
 * sentence lacks. Each line is written at once, so that the last one before a crash is not lost in a stream.
 *
 * @param isColoured whether the terminal shows colours, and its user wants them
 */
export function prettyLog(write: (text: string) => void, isColoured: boolean): LineStream {
  const pretty = prettyFactory({
    colorize: isColoured,
    customColors: 'message:reset',
    useOnlyCustomProps: false,
    translateTime: 'SYS:HH:MM:ss',
    hideObject: true,
    messageFormat: (line, _messageKey, _levelLabel, { colors }) => sentenceAndMembers(line, colors),
  });
  return { write: (line) => write(pretty(JSON.parse(line, harmless))) };
}

/**
 * What a terminal would obey (escape sequences), or show in another order than it stands there (Unicode's directions of
 * writing). JSON hides only some of it, and whatever was sent to the server may be in a line.
 */
const UNSAFE = /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

/** A value of a line with escapes that can be seen in place of characters that act; only stacks have lines. */
function harmless(name: string, value: unknown): unknown {
  if (typeof value !== 'string') return value;
  return value.replace(UNSAFE, (character) =>
    name === 'stack' && character === '\n' ? character : escaped(character),
  );
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

function sentenceAndMembers({ msg, event, err, ...line }: Members, { gray, red }: Colours): string {
  const sentence = String(msg);
  const members = Object.entries(line).flatMap(([name, value]) =>
    LEFT_OUT.has(name) || value === null || sentence.includes(String(value)) ? [] : [`${name}=${shown(value)}`],
  );
  const rest = [...(event === undefined ? [] : [String(event)]), ...members].join(' ');
  return `${sentence}  ${gray(rest)}${err === undefined ? '' : `\n${red(stackOf(err))}`}`.trimEnd();
}

/** Longer ones are cut, as a list of migrations is. */
const LONGEST_VALUE = 60;

function shown(value: unknown): string {
  const text = typeof value === 'string' && /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value);
  return text.length > LONGEST_VALUE ? `${text.slice(0, LONGEST_VALUE)}…` : text;
}

function stackOf(err: unknown): string {
  const { stack, message } = err as Members;
  return String(stack ?? message).replace(/^/gm, '    ');
}
