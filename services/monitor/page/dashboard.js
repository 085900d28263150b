import { openCharts, readTrends } from './charts.js';
import { openConfirm } from './confirm.js';
import { counted, keepingFocus } from './dom.js';
import { openJobs, refreshJobs } from './jobs.js';
import { drawLag, noteLag } from './lag.js';
import { openLookup } from './lookup.js';
import { drawParked, refreshParked } from './parked.js';
import { drawPipeline } from './pipeline.js';
import { openProjections, refreshProjections } from './projections.js';
import { openReplay } from './replay.js';
import { drawAlerts, drawErrors, drawReplication, drawServices, time } from './tables.js';

const TONES = { ok: 'ok', degraded: 'warn', down: 'bad' };
const WORDS = { ok: 'all is well', degraded: 'something is not well', down: 'down' };
const TRENDS_MS = 30_000;
/** So many times in a row nothing was heard, but not sooner than this, ms. */
const SILENT_PACES = 3;
const SILENT_MS = 15_000;

let trends = new Map();
let heardMs = Date.now();
let silentMs = SILENT_MS;

openCharts();
openLookup();
openConfirm(() => {
  refreshJobs();
  refreshProjections();
});
openJobs();
openProjections();
openReplay();
document.getElementById('confirm').addEventListener('close', refreshParked);
void refreshTrends();
setInterval(() => void refreshTrends(), TRENDS_MS);
setInterval(() => {
  if (Date.now() - heardMs > silentMs) setStatus('bad', 'the monitor is silent');
}, 1_000);

const events = new EventSource('/v1/stream');
events.addEventListener('pace', ({ data }) => {
  silentMs = Math.max(SILENT_MS, SILENT_PACES * Number(data));
});
events.addEventListener('watch', ({ data }) => {
  heardMs = Date.now();
  const { lag, replication, pipeline, health, alerts } = JSON.parse(data);
  setStatus(...statusOf(health, alerts));
  document.getElementById('live').textContent = `live, ${time(pipeline.sampledAt)}`;
  drawPipeline({ lag, replication, pipeline, health });
  drawAlerts(alerts);
  if (lag !== null) noteLag(lag);
  if (lag !== null && !isMarkedIn('lag')) keepingFocus('lag', () => drawLag(lag, trends));
  drawReplication(replication);
  drawErrors(pipeline);
  drawServices(pipeline);
  drawParked(pipeline.parked);
  drawCounts(pipeline.parked, alerts);
  document.body.dataset.drawn = 'yes';
});
events.addEventListener('error', () => setStatus('bad', 'connecting again'));

/** Text that somebody marks, to copy it, is not replaced under him. */
function isMarkedIn(id) {
  const marked = getSelection();
  return marked !== null && !marked.isCollapsed && document.getElementById(id).contains(marked.anchorNode);
}

async function refreshTrends() {
  const [groups, database] = await Promise.all([
    readTrends('kafka_consumergroup_group_sum_lag', 'group'),
    readTrends('tradestream_database_lag_records', 'reader'),
  ]);
  trends = new Map([
    ...[...groups].map(([name, points]) => [`group/${name}`, points]),
    ...[...database].map(([name, points]) => [`database/${name}`, points]),
  ]);
}

/** The worst that fires, or how the installation is. */
function statusOf(health, alerts) {
  const firing = alerts.filter(({ state, silenced }) => state === 'firing' && !silenced);
  const of = (wanted) => firing.filter(({ severity }) => severity === wanted).length;
  const [critical, warnings] = [of('critical'), of('warning')];
  if (critical > 0) return ['bad', counted(critical, 'critical alert')];
  if (warnings > 0) return ['warn', counted(warnings, 'warning')];
  return [TONES[health.status], WORDS[health.status]];
}

function setStatus(tone, text) {
  const status = document.getElementById('status');
  if (status.textContent === text) return;
  status.className = `pill ${tone}`;
  status.textContent = text;
  // Seen in a tab that is not looked at, too.
  document.title = `${text} · Tradestream`;
}

/** What waits for somebody, beside the way to it. */
function drawCounts({ records }, alerts) {
  const firing = alerts.filter(({ state }) => state === 'firing').length;
  for (const [id, count] of [['alerts-count', firing], ['parked-count', records ?? 0]])
    document.getElementById(id).textContent = count === 0 ? '' : ` ${count}`;
}
