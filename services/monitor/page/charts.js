import uPlot from './uplot.js';
import { make, number, seconds } from './dom.js';

const CHARTS = [
  { title: 'Records a second', value: number, metrics: [['tradestream_commands_produced_rate', 'produced'], ['tradestream_commands_applied_rate', 'applied'], ['tradestream_events_published_rate', 'events']] },
  { title: 'Age of what waits', value: seconds, metrics: [['tradestream_database_lag_seconds', null]] },
  { title: 'Replicas behind', value: seconds, metrics: [['tradestream_replication_lag_seconds', null]] },
  { title: 'Canary', value: seconds, metrics: [['tradestream_canary_applied_seconds', 'applied'], ['tradestream_canary_visible_seconds', 'seen on a replica']] },
];
const RANGES = [['15 min', 900], ['1 h', 3_600], ['6 h', 21_600], ['24 h', 86_400], ['7 d', 604_800]];
const COLOURS = ['#3b82f6', '#e07a1f', '#16a34a', '#a855f7', '#dc2626', '#0891b2', '#84761a', '#db2777'];
const HEIGHT = 180;
const REFRESH_MS = 10_000;

let range = { seconds: 900, from: null, to: null };
const plots = new Map();

/** Lines of history; a drag looks closer, and asks for the finer points of that stretch. */
export function openCharts() {
  const buttons = RANGES.map(([label, length]) => {
    const button = make('button', { type: 'button', 'aria-pressed': String(length === range.seconds) }, label);
    button.addEventListener('click', () => {
      range = { seconds: length, from: null, to: null };
      for (const each of buttons) each.setAttribute('aria-pressed', String(each === button));
      void drawAll();
    });
    return button;
  });
  document.getElementById('ranges').replaceChildren(...buttons);
  document.getElementById('charts').replaceChildren(
    ...CHARTS.map((chart) => {
      const place = make('div', {});
      plots.set(chart, { place, plot: null, names: '' });
      return make('figure', { class: 'card' }, make('figcaption', {}, chart.title), place);
    }),
  );
  void drawAll();
  setInterval(() => void drawAll(), REFRESH_MS);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
    for (const kept of plots.values()) kept.names = '';
    void drawAll();
  });
  addEventListener('resize', () => {
    for (const { place, plot } of plots.values()) plot?.setSize({ width: place.clientWidth, height: HEIGHT });
  });
}

/** History of one metric over the last hour, by the values of a label. */
export async function readTrends(metric, label) {
  const { series } = await read(metric, Date.now() / 1_000 - 3_600, Date.now() / 1_000);
  return new Map(series.map(({ labels, points }) => [labels[label], points]));
}

async function read(metric, from, to) {
  const response = await fetch(`/v1/metrics/history?metric=${metric}&from=${Math.floor(from)}&to=${Math.ceil(to)}`);
  return response.ok ? await response.json() : { series: [] };
}

async function drawAll() {
  const to = range.to ?? Date.now() / 1_000;
  const from = range.from ?? to - range.seconds;
  await Promise.all([...plots].map(([chart, kept]) => draw(chart, kept, { from, to })));
}

async function draw(chart, kept, { from, to }) {
  const answers = await Promise.all(
    chart.metrics.map(async ([metric, name]) => ({ name, ...(await read(metric, from, to)) })),
  );
  const lines = answers.flatMap(({ name, series }) =>
    series.map(({ labels, points }) => ({ name: name ?? Object.values(labels).join(' '), points })),
  );
  const times = [...new Set(lines.flatMap(({ points }) => points.map(([at]) => at)))].sort((a, b) => a - b);
  const data = [times, ...lines.map(({ points }) => {
    const known = new Map(points.map(([at, value]) => [at, value]));
    return times.map((at) => known.get(at) ?? null);
  })];
  const names = lines.map(({ name }) => name).join('\n');
  if (kept.plot === null || kept.names !== names) {
    kept.plot?.destroy();
    kept.names = names;
    kept.plot = new uPlot(optionsOf(chart, kept, lines), data, kept.place);
  } else kept.plot.setData(data, false);
  kept.plot.setScale('x', { min: from, max: to });
}

function optionsOf(chart, { place }, lines) {
  const ink = getComputedStyle(document.body).getPropertyValue('--quiet');
  const grid = getComputedStyle(document.body).getPropertyValue('--line');
  const axis = { stroke: ink, grid: { stroke: grid, width: 1 }, ticks: { stroke: grid, width: 1 } };
  return {
    width: Math.max(200, place.clientWidth),
    height: HEIGHT,
    cursor: { sync: { key: 'all' }, drag: { x: true, y: false, setScale: false } },
    select: { show: true, left: 0, top: 0, width: 0, height: 0 },
    scales: { y: { range: (_plot, _min, max) => [0, max === null || max <= 0 ? 1 : max * 1.1] } },
    axes: [axis, { ...axis, size: 64, values: (_plot, values) => values.map((value) => chart.value(value)) }],
    series: [
      {},
      ...lines.map(({ name }, index) => ({
        label: name,
        stroke: COLOURS[index % COLOURS.length],
        width: 1.5,
        spanGaps: false,
        value: (_plot, value) => (value === null ? '' : chart.value(value)),
      })),
    ],
    hooks: {
      setSelect: [
        (plot) => {
          const { left, width } = plot.select;
          if (width < 5) return;
          range = { ...range, from: plot.posToVal(left, 'x'), to: plot.posToVal(left + width, 'x') };
          plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          void drawAll();
        },
      ],
    },
  };
}
