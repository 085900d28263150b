import uPlot from './uplot.js';
import { make, number, seconds } from './dom.js';

const CHARTS = [
  { title: 'Records a second', value: number, metrics: [['tradestream_commands_produced_rate', 'produced'], ['tradestream_commands_applied_rate', 'applied'], ['tradestream_events_published_rate', 'events']] },
  { title: 'Age of what waits', value: seconds, metrics: [['tradestream_database_lag_seconds', null]] },
  { title: 'Replicas behind', value: seconds, metrics: [['tradestream_replication_lag_seconds', null]] },
  { title: 'Canary', value: seconds, metrics: [['tradestream_canary_applied_seconds', 'applied'], ['tradestream_canary_visible_seconds', 'seen on a replica']] },
];
const RANGES = [['15 min', 900], ['1 h', 3_600], ['6 h', 21_600], ['24 h', 86_400], ['7 d', 604_800]];
/** Marks of the axis of time: the clock of the header, and the day where a stretch holds several. */
const MINUTE = 60;
const HOUR = 3_600;
const DAY = 86_400;
const TIME_STEPS = [MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 4 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY];
const COLOURS = ['#3b82f6', '#e07a1f', '#16a34a', '#a855f7', '#dc2626', '#0891b2', '#84761a', '#db2777'];
const HEIGHT = 180;
const REFRESH_MS = 10_000;

/** A stretch shorter than this has hardly a point, seconds. */
const STRETCH_MIN = 60;
/** While there is less history than the range holds the lines begin with it, but not closer than this, seconds. */
const BEGUN_MIN = 120;

/** `from` and `to` of a stretch that stands; null: the last `seconds`, up to now. */
let range = { seconds: 900, from: null, to: null };
let buttons = new Map();
const plots = new Map();

/** Lines of history; a drag looks closer, and asks for the finer points of that stretch. */
export function openCharts() {
  buttons = new Map(RANGES.map(([label, length]) => [length, button(label, () => show({ seconds: length, from: null, to: null }))]));
  document.getElementById('ranges').replaceChildren(...buttons.values());
  document
    .getElementById('moves')
    .replaceChildren(button('Closer', closer), button('Earlier', () => move(-0.5)), button('Later', () => move(0.5)));
  document.getElementById('charts').replaceChildren(
    ...CHARTS.map((chart) => {
      const place = make('div', {});
      const none = make('p', { class: 'quiet none' }, 'no readings yet');
      plots.set(chart, { place, none, plot: null, names: '' });
      return make('figure', { class: 'card' }, make('figcaption', {}, chart.title), place, none);
    }),
  );
  show(range);
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

function button(label, onClick) {
  const made = make('button', { type: 'button' }, label);
  made.addEventListener('click', onClick);
  return made;
}

function show(wanted) {
  range = wanted;
  const isLive = range.from === null;
  for (const [length, each] of buttons) each.setAttribute('aria-pressed', String(isLive && length === range.seconds));
  const { from, to } = stretch();
  const place = from < to - DAY ? dayOf : (at) => clockOf(at, true);
  document.getElementById('stretch').textContent = isLive ? '' : `${place(from)} to ${place(to)}`;
  void drawAll();
}

function stretch() {
  const to = range.to ?? Date.now() / 1_000;
  return { from: range.from ?? to - range.seconds, to };
}

/** The middle half; of the range up to now its newer half. */
function closer() {
  const { from, to } = stretch();
  const length = Math.max(STRETCH_MIN, (to - from) / 2);
  const middle = (from + to) / 2;
  if (range.from === null) show({ seconds: length, from: null, to: null });
  else show({ ...range, from: middle - length / 2, to: middle + length / 2 });
}

/** By a share of what is shown; what reaches now goes on with it. */
function move(share) {
  const { from, to } = stretch();
  const by = (to - from) * share;
  if (to + by >= Date.now() / 1_000) show({ seconds: to - from, from: null, to: null });
  else show({ ...range, from: from + by, to: to + by });
}

async function drawAll() {
  const { from, to } = stretch();
  const drawn = await Promise.all([...plots].map(async ([chart, kept]) => ({ chart, kept, lines: await linesOf(chart, from, to) })));
  const first = Math.min(...drawn.flatMap(({ lines }) => lines.map(({ points }) => points[0]?.[0] ?? to)));
  const begun = range.from === null ? Math.max(from, Math.min(first, to - BEGUN_MIN)) : from;
  for (const { chart, kept, lines } of drawn) draw(chart, kept, { lines, from: begun, to });
}

async function linesOf(chart, from, to) {
  const answers = await Promise.all(
    chart.metrics.map(async ([metric, name]) => ({ name, ...(await read(metric, from, to)) })),
  );
  return answers.flatMap(({ name, series }) =>
    series.map(({ labels, points }) => ({ name: name ?? Object.values(labels).join(' '), points })),
  );
}

function draw(chart, kept, { lines, from, to }) {
  const times = [...new Set(lines.flatMap(({ points }) => points.map(([at]) => at)))].sort((a, b) => a - b);
  const data = [times, ...lines.map(({ points }) => {
    const known = new Map(points.map(([at, value]) => [at, value]));
    return times.map((at) => known.get(at) ?? null);
  })];
  kept.none.hidden = times.length > 0;
  const names = lines.map(({ name }) => name).join('\n');
  if (kept.plot === null || kept.names !== names) {
    kept.plot?.destroy();
    kept.names = names;
    kept.plot = new uPlot(optionsOf(chart, kept, lines), data, kept.place);
  } else kept.plot.setData(data, false);
  kept.plot.setScale('x', { min: from, max: to });
  if (kept.plot.cursor.idx === null) kept.plot.setLegend({ idx: null });
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
    legend: { markers: { fill: (_plot, index) => COLOURS[(index - 1) % COLOURS.length], width: 0 } },
    axes: [{ ...axis, incrs: TIME_STEPS, values: (_plot, marks, ...rest) => timesOf(marks, rest[2]) }, { ...axis, size: 64, values: (_plot, values) => values.map((value) => chart.value(value)) }],
    series: [
      { label: 'At', value: (plot, at) => clockOf(at ?? plot.data[0].at(-1), true) },
      ...lines.map(({ name }, index) => ({
        label: name,
        stroke: COLOURS[index % COLOURS.length],
        width: 1.5,
        spanGaps: false,
        value: (plot, value, series, index) => legendOf(chart, index === null ? plot.data[series].at(-1) : value),
      })),
    ],
    hooks: {
      setSelect: [
        (plot) => {
          const { left, width } = plot.select;
          if (width < 5) return;
          plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          show({ ...range, from: plot.posToVal(left, 'x'), to: plot.posToVal(left + width, 'x') });
        },
      ],
    },
  };
}

/** Where the pointer is on no line, the legend shows the newest value of each. */
function legendOf(chart, value) {
  return value === null || value === undefined ? '–' : chart.value(value);
}

/** `step`: seconds between two marks. */
function timesOf(marks, step) {
  return marks.map((at) => (step >= DAY ? dayOf(at) : clockOf(at, false)));
}

function clockOf(at, withSeconds) {
  if (at === undefined) return '–';
  return new Date(at * 1_000).toLocaleTimeString('en', { hourCycle: 'h23', timeStyle: withSeconds ? 'medium' : 'short' });
}

function dayOf(at) {
  return new Date(at * 1_000).toLocaleDateString('en', { day: 'numeric', month: 'short' });
}
