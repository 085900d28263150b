import { counted, fill, make, number, table } from './dom.js';
import { ask, hasToken, read, takeToken } from './operator.js';

// A verb's way: it waits for a token, is counted, is confirmed, runs as a job, has ended. What changes
// nothing that could be counted is confirmed at once.
const POLL_MS = 400;
const part = (name) => document.getElementById(`confirm-${name}`);

let action = null;
let step = 'count';
/** Told of a job that this page has begun. */
let onBegun = () => undefined;

export function openConfirm(begun) {
  onBegun = begun;
  part('form').addEventListener('submit', (event) => {
    event.preventDefault();
    void go();
  });
  part('close').addEventListener('click', () => document.getElementById('confirm').close());
  // Another command is counted anew before it is meant.
  part('command').addEventListener('input', () => enter(action.isCounted ? 'count' : 'do'));
  document.getElementById('confirm').addEventListener('close', () => {
    part('token').value = '';
    action = null;
  });
}

/**
 * Asks before it does: `path` and `body` are what is asked for, `verb` is what it is called.
 * `command`: text that the operator changes first.
 */
export function confirm(wanted) {
  action = wanted;
  part('title').textContent = wanted.title;
  part('command').value = wanted.command ?? '';
  part('command-part').hidden = wanted.command === undefined;
  part('why').value = '';
  fill('confirm-said');
  enter(wanted.isCounted ? 'count' : 'do');
  document.getElementById('confirm').showModal();
  if (step === 'count' && hasToken() && wanted.command === undefined) void go();
}

function enter(next) {
  step = next;
  const isOver = step === 'running' || step === 'ended';
  part('token-part').hidden = hasToken() || isOver;
  part('why-part').hidden = isOver;
  part('command').readOnly = isOver;
  part('go').hidden = isOver;
  part('progress').hidden = step !== 'running';
  part('go').textContent = step === 'count' ? 'Count what it is about' : action?.verb;
  part('go').className = step === 'do' ? 'is-meant' : '';
}

async function go() {
  const mine = action;
  if (!hasToken()) takeToken(part('token').value);
  part('go').disabled = true;
  try {
    if (step === 'count') await count(mine);
    else if (step === 'do') await run(mine);
  } catch (error) {
    say(mine, make('p', { class: 'tag bad' }, error.message));
    if (action === mine) enter(mine.isCounted ? 'count' : 'do');
  } finally {
    part('go').disabled = false;
  }
}

async function count(mine) {
  const answer = await ask(mine.path, { ...bodyOf(mine), dryRun: true });
  const { count: records, alreadyAsked, keys, byReason, byKey } = answer;
  const asked = alreadyAsked === 0 ? '' : ` ${number(alreadyAsked)} of them are asked for already.`;
  const columns = (title, value) => [{ title, value }, { title: 'Records', number: true, value: (row) => row.count }];
  const tables = make(
    'div',
    { class: 'columns' },
    table('', columns('Reason', ({ reason }) => reason), byReason),
    table('', columns('Key', ({ key }) => key ?? 'none'), byKey.slice(0, 10)),
  );
  say(mine, make('p', {}, `${counted(records, 'record')} of ${counted(keys, 'key')}.${asked}`), tables);
  if (action !== mine) return;
  enter(records === 0 ? 'ended' : 'do');
  part('go').textContent = `${mine.verb} ${counted(records, 'record')}`;
  part('why').focus();
}

async function run(mine) {
  const why = part('why').value.trim();
  const body = { ...bodyOf(mine), ...(why === '' ? {} : { why }), ...(mine.isCounted ? { dryRun: false } : {}) };
  const answer = await ask(mine.path, body);
  onBegun();
  if (answer.jobId === undefined) {
    say(mine, make('p', {}, `Asked for: the job is ${answer.state}.`));
    return enter('ended');
  }
  if (action === mine) enter('running');
  await follow(mine, answer.jobId);
}

/** Until the job has ended, or nobody looks any more: it goes on without being looked at. */
async function follow(mine, jobId) {
  while (action === mine) {
    const job = jobId === null ? { state: 'done', result: {}, finishedAt: '' } : await read(`/v1/jobs/${jobId}`);
    if (action !== mine) return;
    part('progress').max = Math.max(1, job.total ?? 1);
    part('progress').value = job.done ?? 0;
    if (job.finishedAt !== null) {
      say(mine, make('p', { 'data-ended': job.state }, `The job is ${job.state}.`), resultOf(job));
      return enter('ended');
    }
    say(mine, make('p', {}, `${number(job.done)} of ${number(job.total ?? 0)}: ${job.state}`));
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

export function resultOf({ result, error }) {
  if (error !== null && error !== undefined) return make('p', { class: 'tag bad' }, error);
  if (result?.ok === false) return make('p', { class: 'tag bad' }, result.firstContradiction);
  const entries = Object.entries(result ?? {}).filter(([, value]) => typeof value === 'number' && value > 0);
  const words = entries.map(([name, value]) => `${wordsOf(name)} ${number(value)}`);
  const failures = Array.isArray(result?.failures) ? result.failures : [];
  const lines = failures.map(({ message, count: records }) => make('li', {}, `${number(records)}: ${message}`));
  return make('div', {}, words.join(', '), lines.length === 0 ? null : make('ul', {}, ...lines));
}

/** `failedAgain` as `failed again`. */
function wordsOf(name) {
  return name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

function bodyOf({ body, command }) {
  if (command === undefined) return body;
  try {
    return { ...body, command: JSON.parse(part('command').value) };
  } catch {
    throw new Error('the command is no JSON');
  }
}

function say(mine, ...what) {
  if (action === mine) fill('confirm-said', ...what);
}
