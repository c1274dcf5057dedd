import type { PeerResults } from './peer-results.js';
import { isReached, type Results, rounded, targetText, type Verdict } from './results.js';
import { median } from './statistics.js';
import { element, picture, stroke, textAt } from './svg.js';

const WIDTH = 960;
const TITLE_HEIGHT = 60;
const COLOURS = { reached: '#2f6f9f', missed: '#c2571a', target: '#222222', spread: '#666666' };
const GRID = { stroke: '#dbdee4' };
const AXIS = { stroke: '#54555a' };
const TICK_TEXT = { fill: '#54555a' };

function heading(text: string): string {
  return textAt([14, 22], 'start', text, { size: 18, bold: true });
}

/** Round numbers from 0 on: four to eight of them up to the most that is shown. */
function ticksUpTo(most: number): number[] {
  const least = most / 8;
  const power = 10 ** Math.floor(Math.log10(least));
  const step = power * ([1, 2, 5].find((factor) => factor * power >= least) ?? 10);
  return Array.from({ length: Math.floor(most / step + 1e-9) + 1 }, (_, i) => Number((i * step).toPrecision(6)));
}

const RATIOS = { left: 430, right: WIDTH - 150, lineHeight: 35, barHeight: 16, targetHeight: 24 };

/** Where a ratio is in the picture, from left to right. */
type Place = (ratio: number) => number;

/** One line of the chart: name, bar, spread, target mark, and the numbers to the right of all of them. */
function ratioLine(verdict: Verdict, y: number, place: Place): string[] {
  const { what, values, atLeast, atMost } = verdict;
  const target = atLeast ?? atMost ?? 0;
  const [middle, least, most] = [median(values), Math.min(...values), Math.max(...values)];
  const [top, height] = [y - RATIOS.barHeight / 2, RATIOS.barHeight];
  const fill = isReached(verdict) ? COLOURS.reached : COLOURS.missed;
  const numbers = `${rounded(middle)} (${targetText(verdict)}${isReached(verdict) ? '' : ', missed'})`;
  const [mark, half] = [place(target), RATIOS.targetHeight / 2];
  return [
    textAt([RATIOS.left - 8, y], 'end', what),
    element('rect', { class: 'bar', x: RATIOS.left, y: top, width: place(middle) - RATIOS.left, height, fill }),
    stroke([place(least), y], [place(most), y], { class: 'spread', stroke: COLOURS.spread, 'stroke-width': 2 }),
    stroke([mark, y - half], [mark, y + half], { class: 'target', stroke: COLOURS.target, 'stroke-width': 3 }),
    textAt([place(Math.max(most, target)) + 6, y], 'start', numbers),
  ];
}

/** Every ratio with a bar, how far the repetitions were apart, and a mark where its target is. */
export function ratiosChart({ verdicts }: Results): string {
  const ratios = verdicts.filter(({ unit }) => unit === '');
  const most = Math.max(...ratios.flatMap(({ values, atLeast, atMost }) => [...values, atLeast ?? 0, atMost ?? 0]));
  const place: Place = (ratio) => RATIOS.left + (ratio / most) * (RATIOS.right - RATIOS.left);
  const bottom = TITLE_HEIGHT + ratios.length * RATIOS.lineHeight;
  const title = 'mintd, as ratios';
  return picture(WIDTH, bottom + 30, title, [
    heading(title),
    textAt([14, 46], 'start', 'bar: median, line: least to most, mark: target', { fill: '#777777' }),
    ...ticksUpTo(most).flatMap((tick) => [
      stroke([place(tick), TITLE_HEIGHT], [place(tick), bottom], tick === 0 ? AXIS : GRID),
      textAt([place(tick), bottom + 12], 'middle', String(tick), TICK_TEXT),
    ]),
    ...ratios.flatMap((verdict, i) => ratioLine(verdict, TITLE_HEIGHT + (i + 0.5) * RATIOS.lineHeight, place)),
  ]);
}

const PEERS = { columns: 3, panelWidth: 320, panelHeight: 190, axisWidth: 270, axisY: 142, barsTop: 22, barWidth: 44 };
const PEER_COLOURS = [COLOURS.reached, '#8a8a8a', '#b9b9b9', '#d8d8d8'];

type Bar = { readonly name: string; readonly value: number };

/** A small chart: one workload, a bar for each server with its number above and its name below. */
function panel(title: string, bars: readonly Bar[], [left, top]: readonly [number, number]): string[] {
  const base = top + PEERS.axisY;
  // The highest bar leaves a fifth of the height for its number.
  const scale = (PEERS.axisY - PEERS.barsTop) / (Math.max(...bars.map(({ value }) => value)) * 1.25);
  const spacing = PEERS.axisWidth / bars.length;
  const drawn = bars.flatMap(({ name, value }, i) => {
    const [middle, height, width] = [left + (i + 0.5) * spacing, value * scale, PEERS.barWidth];
    const fill = PEER_COLOURS[i % PEER_COLOURS.length] ?? COLOURS.spread;
    return [
      element('rect', { class: 'bar', x: middle - width / 2, y: base - height, width, height, fill }),
      textAt([middle, base - height - 14], 'middle', rounded(value)),
      textAt([middle, base + 10], 'middle', name, { size: 10, ...TICK_TEXT }),
    ];
  });
  const axis = stroke([left, base], [left + PEERS.axisWidth, base], AXIS);
  return [textAt([left + 5, top + 6], 'start', title, { bold: true }), ...drawn, axis];
}

/** Requests a second of each server, a small chart for each workload. */
export function peersChart({ servers, stretches }: PeerResults): string {
  const panels = Object.values(stretches).flatMap((sides) => {
    const groups = Object.values(sides)[0]?.[0]?.groups ?? [];
    return groups.map(({ kind, clients }, group) => {
      const beside = groups.length > 1 ? ', both at once' : '';
      const bars = servers.map(({ name }) => {
        const rates = (sides[name] ?? []).map(({ groups }) => groups[group]?.perSecond ?? 0);
        return { name, value: median(rates) };
      });
      return { title: `${clients} ${kind}${beside}`, bars };
    });
  });
  const title = 'Requests a second';
  const drawn = panels.flatMap(({ title, bars }, i) => {
    const [column, row] = [i % PEERS.columns, Math.floor(i / PEERS.columns)];
    return panel(title, bars, [20 + column * PEERS.panelWidth, TITLE_HEIGHT + row * PEERS.panelHeight]);
  });
  const height = TITLE_HEIGHT + Math.ceil(panels.length / PEERS.columns) * PEERS.panelHeight;
  return picture(WIDTH, height, title, [heading(title), ...drawn]);
}
