import { bytes, fill, make, percent, rate, seconds, table, tag } from './dom.js';

const SEVERITIES = { info: 'ok', warning: 'warn', critical: 'bad' };
/** The worst first. */
const RANKS = Object.keys(SEVERITIES).reverse();
const RESOLVED_SHOWN = 5;

export function drawAlerts(alerts) {
  const firing = alerts
    .filter(({ state }) => state === 'firing')
    .sort((one, other) => RANKS.indexOf(one.severity) - RANKS.indexOf(other.severity) || one.startsAt.localeCompare(other.startsAt));
  const resolved = alerts.filter(({ state }) => state === 'resolved').slice(0, RESOLVED_SHOWN);
  const rows = [...firing, ...resolved];
  if (rows.length === 0) return fill('alerts', make('p', { class: 'quiet' }, 'Nothing fires, and nothing has fired.'));
  const columns = [
    { title: 'State', value: (row) => tag(row.silenced ? `${row.state}, silenced` : row.state, row.state === 'resolved' ? 'ok' : SEVERITIES[row.severity]) },
    { title: 'Severity', value: ({ severity }) => severity },
    { title: 'Alert', value: ({ name }) => name },
    { title: 'What is wrong', value: ({ summary }) => summary },
    { title: 'Since', value: ({ startsAt }) => time(startsAt) },
    { title: 'Until', value: ({ endsAt }) => (endsAt === null ? '' : time(endsAt)) },
    { title: 'What to do', value: ({ runbook }) => runbookLink(runbook) },
  ];
  const region = { class: 'scroll rows', tabindex: '0', role: 'region', 'aria-labelledby': 'alerts-title' };
  fill('alerts', make('div', region, table('', columns, rows)));
}

/** `docs/operations/worker-gone.md` as a link that reads `worker gone`. */
function runbookLink(runbook) {
  const [, name = runbook] = /([^/]+)\.md$/.exec(runbook) ?? [];
  return make('a', { href: `/${runbook}` }, name.replaceAll('-', ' '));
}

export function drawReplication({ nodes, slots }) {
  const columns = [
    { title: 'Node', value: ({ name }) => name },
    { title: 'Role', value: ({ role }) => role },
    { title: 'State', value: ({ healthy, problem }) => tag(healthy ? 'well' : problem, healthy ? 'ok' : 'bad') },
    { title: 'Sync', value: ({ syncState }) => syncState ?? '' },
    { title: 'Bytes behind', number: true, value: ({ lagBytes }) => bytes(lagBytes) },
    { title: 'Time behind', number: true, value: ({ lagSeconds }) => seconds(lagSeconds) },
    { title: 'Timeline', number: true, value: ({ timeline }) => timeline },
    { title: 'Conflicts', number: true, value: ({ conflicts }) => conflicts },
  ];
  const slotColumns = [
    { title: 'Slot', value: ({ name }) => name },
    { title: 'In use', value: ({ active }) => (active ? 'yes' : 'no') },
    { title: 'WAL held back', number: true, value: ({ retainedBytes }) => bytes(retainedBytes) },
    { title: 'State', value: ({ status }) => status },
  ];
  const tables = [table('', columns, nodes)];
  if (slots.length > 0) tables.push(table('Replication slots', slotColumns, slots));
  fill('replication', ...tables);
}

export function drawErrors({ rates }) {
  fill(
    'errors',
    rateCard('Database errors by type', rates.errors, 'not measured: no service counts them'),
    rateCard('Retries by code', { ...rates.retries, deadlocks: rates.deadlocks ?? 0 }),
    rateCard('Rejections by reason', rates.rejections),
  );
}

/** Each process, with what it does with its database by its own word; what says nothing of that has empty cells. */
export function drawServices({ services, pools, registry, redis }) {
  const poolOf = new Map(pools.map((pool) => [pool.service, pool]));
  const watched = [...services, { name: 'schema registry', ...registry }, ...(redis === null ? [] : [{ name: 'Redis', ...redis }])];
  const ofPool = (title, value) => ({
    title,
    number: true,
    value: ({ name }) => {
      const pool = poolOf.get(name);
      return pool === undefined ? '' : value(pool);
    },
  });
  const columns = [
    { title: 'Part', value: ({ name }) => name },
    { title: 'State', value: ({ up, detail }) => tag(up ? 'up' : `down: ${detail}`, up ? 'ok' : 'bad') },
    { title: 'Answers in', number: true, value: ({ latencySeconds }) => (latencySeconds === null ? '' : seconds(latencySeconds)) },
    ofPool('Connections', ({ connections }) => connections),
    ofPool('In use', ({ inUse }) => inUse),
    ofPool('Callers waiting', ({ waiting }) => waiting),
    ofPool('Mean wait', ({ waitSecondsMean }) => (waitSecondsMean === null ? '' : seconds(waitSecondsMean))),
    ofPool('Statements', ({ statements }) => (statements === null ? null : rate(statements))),
    ofPool('Fail', ({ errorRatio }) => percent(errorRatio)),
    ofPool('Take over 1 s', ({ slowRatio }) => percent(slowRatio)),
  ];
  fill('services', table('', columns, watched));
}

function rateCard(title, rates, absent = 'none') {
  const entries = Object.entries(rates).sort(([, left], [, right]) => right - left);
  const rows = entries.flatMap(([name, value]) => [make('dt', {}, name), make('dd', {}, rate(value))]);
  const list = rows.length === 0 ? make('p', { class: 'quiet' }, absent) : make('dl', {}, ...rows);
  return make('div', { class: 'card' }, make('h3', {}, title), list);
}

/** What is wider than its place scrolls by itself, by keyboard too; on a phone a row is a list. */
export function scrolling(label, content) {
  return make('div', { class: 'scroll rows', tabindex: '0', role: 'region', 'aria-label': label }, content);
}

export function time(text) {
  return new Date(text).toLocaleTimeString('en', { hourCycle: 'h23' });
}
