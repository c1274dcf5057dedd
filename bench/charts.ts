import type { ScatterSeriesOption } from 'echarts/charts';
import { BarChart, type BarSeriesOption, CustomChart, type CustomSeriesOption, ScatterChart } from 'echarts/charts';
import { GridComponent, type GridComponentOption, TitleComponent, type TitleComponentOption } from 'echarts/components';
import { type ComposeOption, init, use } from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';
import type { PeerResults } from './peer-results.js';
import { isReached, type Results, rounded, targetText, type Verdict } from './results.js';
import { median } from './statistics.js';

type Option = ComposeOption<
  BarSeriesOption | CustomSeriesOption | ScatterSeriesOption | GridComponentOption | TitleComponentOption
>;

use([BarChart, CustomChart, ScatterChart, GridComponent, TitleComponent, SVGRenderer]);

const WIDTH = 960;
const BAR_HEIGHT = 34;
const COLOURS = { reached: '#2f6f9f', missed: '#c2571a', target: '#222222', spread: '#666666' };
const TEXT = { fontFamily: 'sans-serif', color: '#222222' };

function drawn(height: number, option: Option): string {
  const chart = init(null, null, { renderer: 'svg', ssr: true, width: WIDTH, height });
  chart.setOption({ animation: false, backgroundColor: '#ffffff', textStyle: TEXT, ...option });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return `${svg}\n`;
}

/** A line from the least to the most. */
const spreadSeries = (verdicts: readonly Verdict[]): CustomSeriesOption => ({
  type: 'custom',
  data: verdicts.map(({ values }, i) => [Math.min(...values), Math.max(...values), i]),
  encode: { x: [0, 1], y: 2 },
  z: 3,
  renderItem: (_params, api) => {
    const [from = [0, 0], to = [0, 0]] = [
      api.coord([api.value(0), api.value(2)]),
      api.coord([api.value(1), api.value(2)]),
    ];
    const shape = { x1: from[0] ?? 0, y1: from[1] ?? 0, x2: to[0] ?? 0, y2: to[1] ?? 0 };
    return { type: 'line', shape, style: { stroke: COLOURS.spread, lineWidth: 2 } };
  },
});

/** Every ratio with a bar, how far the repetitions were apart, and a mark where its target is. */
export function ratiosChart({ verdicts }: Results): string {
  const ratios = verdicts.filter(({ unit }) => unit === '');
  const bars = ratios.map((verdict) => {
    const color = isReached(verdict) ? COLOURS.reached : COLOURS.missed;
    const text = `${rounded(median(verdict.values))}  (${targetText(verdict)}${isReached(verdict) ? '' : ', missed'})`;
    const most = Math.max(...verdict.values, verdict.atLeast ?? 0, verdict.atMost ?? 0);
    return { verdict, color, text, most };
  });
  return drawn(ratios.length * BAR_HEIGHT + 110, {
    title: { text: 'mintd, as ratios', subtext: 'bar: median, line: least to most, mark: target', left: 10 },
    grid: { left: 430, right: 150, top: 60, bottom: 30 },
    xAxis: { type: 'value', min: 0 },
    yAxis: { type: 'category', inverse: true, data: ratios.map(({ what }) => what), axisTick: { show: false } },
    series: [
      {
        type: 'bar',
        barWidth: 16,
        data: bars.map(({ verdict, color }) => ({ value: median(verdict.values), itemStyle: { color } })),
      },
      spreadSeries(ratios),
      {
        type: 'scatter',
        symbol: 'rect',
        symbolSize: [3, 24],
        z: 4,
        itemStyle: { color: COLOURS.target },
        data: ratios.map(({ atLeast, atMost }, i) => [atLeast ?? atMost ?? 0, i]),
      },
      {
        type: 'scatter',
        symbolSize: 0,
        data: bars.map(({ most }, i) => [most, i]),
        label: { show: true, position: 'right', formatter: ({ dataIndex }) => bars[dataIndex]?.text ?? '' },
      },
    ],
  });
}

/** Requests a second of each server, a small chart for each workload. */
export function peersChart({ servers, stretches }: PeerResults): string {
  const panels = Object.entries(stretches).flatMap(([workload, sides]) => {
    const groups = Object.values(sides)[0]?.[0]?.groups ?? [];
    return groups.map(({ kind, clients }, group) => {
      const beside = groups.length > 1 ? ', both at once' : '';
      return { workload, title: `${clients} ${kind}${beside}`, group, sides };
    });
  });
  const [columns, width, height] = [3, 300, 190];
  const place = (i: number) => ({
    left: 20 + (i % columns) * (width + 20),
    top: 60 + Math.floor(i / columns) * height,
  });
  const colours = [COLOURS.reached, '#8a8a8a', '#b9b9b9', '#d8d8d8'];
  return drawn(60 + Math.ceil(panels.length / columns) * height, {
    title: [
      { text: 'Requests a second', left: 10 },
      ...panels.map(({ title }, i) => ({ text: title, ...place(i), textStyle: { fontSize: 12 } })),
    ],
    grid: panels.map((_, i) => ({
      left: place(i).left,
      top: place(i).top + 22,
      width: width - 30,
      height: height - 70,
    })),
    xAxis: panels.map((_, gridIndex) => ({
      type: 'category',
      gridIndex,
      data: servers.map(({ name }) => name),
      axisLabel: { interval: 0, fontSize: 10 },
    })),
    yAxis: panels.map((_, gridIndex) => ({
      type: 'value',
      gridIndex,
      show: false,
      // Room for the number above the bar.
      max: ({ max }: { max: number }) => max * 1.25,
    })),
    series: panels.map(({ sides, group }, i) => ({
      type: 'bar',
      xAxisIndex: i,
      yAxisIndex: i,
      barWidth: 44,
      label: { show: true, position: 'top', formatter: ({ value }) => rounded(Number(value)) },
      data: servers.map(({ name }, s) => ({
        value: median((sides[name] ?? []).map(({ groups }) => groups[group]?.perSecond ?? 0)),
        itemStyle: { color: colours[s % colours.length] ?? COLOURS.spread },
      })),
    })),
  });
}
