import { confirm, resultOf } from './confirm.js';
import { fill, keepingFocus, make, number, table, tag } from './dom.js';
import { read } from './operator.js';
import { scrolling, time } from './tables.js';

const SHOWN = 10;
const IDLE_MS = 5_000;
const BUSY_MS = 1_000;
const TONES = { waiting: 'warn', running: 'ok', done: 'ok', failed: 'bad', cancelled: 'warn' };

let timer = null;
let drawn = '';

/** The newest jobs; looked at more often while one is under way. */
export function openJobs() {
  document.getElementById('reconcile').addEventListener('click', () =>
    confirm({
      title: 'Reconcile ledger, log and views',
      verb: 'Reconcile them',
      path: '/v1/reconciliation/run',
      body: { views: true },
      isCounted: false,
    }),
  );
  void refresh();
}

/** One was begun: it is looked at now. */
export function refreshJobs() {
  clearTimeout(timer);
  void refresh();
}

async function refresh() {
  const page = await read(`/v1/jobs?limit=${SHOWN}`).catch(() => null);
  if (page !== null) draw(page.items);
  const isBusy = (page?.items ?? []).some(isUnfinished);
  timer = setTimeout(() => void refresh(), isBusy ? BUSY_MS : IDLE_MS);
}

function draw(jobs) {
  const text = JSON.stringify(jobs);
  if (text === drawn) return;
  drawn = text;
  keepingFocus('jobs', () => drawTable(jobs));
}

function drawTable(jobs) {
  if (jobs.length === 0) return fill('jobs', make('p', { class: 'quiet' }, 'There was none yet.'));
  const columns = [
    { title: 'Job', value: ({ kind }) => kind },
    { title: 'State', value: (job) => tag(job.cancelRequested && isUnfinished(job) ? 'stopping' : job.state, TONES[job.state]) },
    { title: 'Done', value: progressOf },
    { title: 'What came of it', value: resultOf },
    { title: 'By', value: ({ actor }) => actor },
    { title: 'Why', value: ({ why }) => why },
    { title: 'Since', value: ({ createdAt }) => time(createdAt) },
    { title: 'What to do', value: verbOf },
  ];
  fill('jobs', scrolling('Jobs', table('', columns, jobs)));
}

function progressOf(job) {
  const { done, total } = job;
  const text = `${number(done)}${total === null ? '' : ` of ${number(total)}`}`;
  if (!isUnfinished(job) || total === null) return text;
  const bar = make('progress', { max: String(Math.max(1, total)), value: String(done), 'aria-label': text });
  return make('span', {}, bar, ` ${text}`);
}

function verbOf(job) {
  if (job.state === 'failed' || job.state === 'cancelled') return button('resume', job);
  return isUnfinished(job) && !job.cancelRequested ? button('cancel', job) : '';
}

function button(verb, { id, kind }) {
  const word = verb === 'cancel' ? 'Cancel' : 'Resume';
  const made = make('button', { type: 'button', 'aria-label': `${word} the ${kind} ${id}` }, word);
  made.addEventListener('click', () =>
    confirm({ title: `${word} the ${kind}`, verb: `${word} it`, path: `/v1/jobs/${id}/${verb}`, body: {}, isCounted: false }),
  );
  return made;
}

function isUnfinished({ state }) {
  return state === 'waiting' || state === 'running';
}
