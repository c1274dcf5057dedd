import fc from 'fast-check';
import t from 'tap';
import {
  formatDuration,
  MAX_DURATION_SECONDS,
  parseDurationSeconds,
  parseRfc3339,
  toNumericDate,
  toRfc3339,
} from '../../src/oauth/time.js';

const DURATIONS: readonly [text: string, seconds: number | null][] = [
  ['90', 90],
  ['90s', 90],
  ['10m', 600],
  ['12h', 43_200],
  ['14d', 1_209_600],
  ['0', 0],
  ['0d', 0],
  ['007s', 7],
  [' 10m ', 600],
  ['10m\n', 600],
  ['3650d', MAX_DURATION_SECONDS],
  ['315360001', null],
  ['9999999999', null],
  ['10000000000', null],
  ['', null],
  [' ', null],
  ['m', null],
  ['10 m', null],
  ['1.5h', null],
  ['-1', null],
  ['+1', null],
  ['1e3', null],
  ['0x10', null],
  ['10M', null],
  ['10w', null],
  ['10ms', null],
  ['1h30m', null],
  ['Infinity', null],
  ['off', null],
  ['１０', null],
  ['10m\u00000', null],
];

t.test('a duration is digits and at most one unit', async (t) => {
  for (const [text, seconds] of DURATIONS) t.equal(parseDurationSeconds(text), seconds, JSON.stringify(text));
});

const FORMATTED: readonly [seconds: number, text: string][] = [
  [0, '0s'],
  [1, '1s'],
  [59, '59s'],
  [60, '1m'],
  [61, '61s'],
  [90, '90s'],
  [600, '10m'],
  [3600, '1h'],
  [5400, '90m'],
  [86_400, '1d'],
  [90_000, '25h'],
  [1_209_600, '14d'],
];

t.test('a duration is shown in the largest unit that leaves nothing over', async (t) => {
  for (const [seconds, text] of FORMATTED) t.equal(formatDuration(seconds), text);
});

t.test('what is shown is read as the same duration', async () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: MAX_DURATION_SECONDS }), (seconds) => {
      return parseDurationSeconds(formatDuration(seconds)) === seconds;
    }),
  );
});

t.test('times are shown as RFC 3339 in UTC with whole seconds', async (t) => {
  t.equal(toRfc3339(0), '1970-01-01T00:00:00Z');
  t.equal(toRfc3339(Date.UTC(2026, 0, 2, 3, 4, 5)), '2026-01-02T03:04:05Z');
  t.equal(toRfc3339(Date.UTC(2026, 0, 2, 3, 4, 5, 999)), '2026-01-02T03:04:05Z', 'milliseconds are cut, not rounded');
  t.equal(toRfc3339(Date.UTC(2024, 1, 29, 23, 59, 59)), '2024-02-29T23:59:59Z');
});

t.test('a NumericDate is whole seconds, rounded down (RFC 7519 §2)', async (t) => {
  const rows = [
    [0, 0],
    [999, 0],
    [1000, 1],
    [1_700_000_000_999, 1_700_000_000],
    [-1, -1],
  ] as const;
  for (const [ms, seconds] of rows) t.equal(toNumericDate(ms), seconds);
});

t.test('RFC 3339 is read down to milliseconds', async (t) => {
  const at = Date.UTC(2024, 1, 29, 12, 30, 5);
  const rows: readonly (readonly [text: string, time: number | null])[] = [
    ['2024-02-29T12:30:05Z', at],
    ['2024-02-29t12:30:05z', at],
    ['2024-02-29 12:30:05+00:00', at],
    ['2024-02-29T12:30:05-00:00', at],
    ['2024-02-29T14:30:05+02:00', at],
    ['2024-02-29T12:30:05.1Z', at + 100],
    ['2024-02-29T12:30:05.0019Z', at + 1],
    ['2024-02-29T12:30:05.123456789-01:30', at + 123 + 5_400_000],
    ['0000-01-01T00:00:00Z', Date.parse('0000-01-01T00:00:00Z')],
    ['2023-02-29T12:30:05Z', null],
    ['2024-02-30T12:30:05Z', null],
    ['2024-13-01T12:30:05Z', null],
    ['2024-02-29T24:00:00Z', null],
    ['2016-12-31T23:59:60Z', null],
    ['2024-02-29T12:30:05', null],
    ['2024-02-29T12:30Z', null],
    ['2024-02-29T12:30:05.Z', null],
    ['2024-02-29T12:30:05+0000', null],
    ['2024-02-29T12:30:05+24:00', null],
    ['2024-02-29T12:30:05+01:60', null],
    ['2024-02-29', null],
    [' 2024-02-29T12:30:05Z', null],
    ['2024-02-29T12:30:05Z\n', null],
    ['', null],
  ];
  for (const [text, time] of rows) t.equal(parseRfc3339(text), time, JSON.stringify(text));
});
