import { fill, make, number, seconds, table, tag, trend } from './dom.js';
import { time } from './tables.js';

const TONES = { OK: 'ok', WARN: 'warn', REWIND: 'warn', STALL: 'bad', STOP: 'bad' };
/** Readings of a partition that its line shows: the monitor keeps history by group only. */
const READINGS_MAX = 150;
/** Groups that the reader has opened; a new reading leaves them open. */
const opened = new Set();
let lines = new Map();
let notedAt = '';

/** Takes the lag of each partition in; what is gone from a reading is forgotten. */
export function noteLag({ groups, database, sampledAt }) {
  if (sampledAt === notedAt) return;
  notedAt = sampledAt;
  const at = Date.parse(sampledAt);
  const noted = [...groups.map((each) => ['group', each]), ...database.map((each) => ['database', each])];
  lines = new Map(
    noted.flatMap(([kind, { group, partitions }]) =>
      partitions.map(({ topic, partition, lag }) => {
        const key = `${kind}/${group}/${topic}/${partition}`;
        const known = lag === null ? [] : [[at, lag]];
        return [key, [...(lines.get(key) ?? []), ...known].slice(-READINGS_MAX)];
      }),
    ),
  );
}

export function drawLag({ groups, database, sampledAt }, trends) {
  const listed = (kind, all) => all.map((group) => groupDetails({ ...group, kind }, trends.get(`${kind}/${group.group}`) ?? []));
  fill(
    'lag',
    make('h3', {}, 'By the offsets that the database holds'),
    make('p', { class: 'quiet' }, 'What counts here: a record is done when its transaction is.'),
    heads('Reader'),
    ...listed('database', database),
    make('h3', {}, "By Kafka's consumer groups"),
    make('p', { class: 'quiet' }, 'What tools see. Workers and projectors commit there within a second, for these tools.'),
    heads('Group'),
    ...listed('group', groups),
    make('p', { class: 'quiet' }, `Read at ${time(sampledAt)}.`),
  );
}

/** For the eye: what is heard says its unit itself. */
function heads(first) {
  const titles = [first, 'Unread', 'Oldest waits', 'Verdict', 'Last hour'];
  return make('p', { class: 'heads quiet', 'aria-hidden': 'true' }, ...titles.map((title) => make('span', {}, title)));
}

function groupDetails(group, points) {
  const key = `${group.kind}/${group.group}`;
  const summary = make(
    'summary',
    { 'data-label': key },
    make('span', {}, group.group, make('small', { class: 'quiet' }, ` ${group.protocol}, ${group.state}`)),
    make('span', {}, `${group.totalLag === null ? 'unknown' : number(group.totalLag)} records`),
    make('span', {}, seconds(group.maxLagSeconds)),
    tag(group.verdict, TONES[group.verdict]),
    trend(points),
  );
  const columns = [
    { title: 'Topic', value: ({ topic }) => topic },
    { title: 'Partition', number: true, value: ({ partition }) => partition },
    { title: 'Committed', number: true, value: ({ committed }) => committed },
    { title: 'Log start', number: true, value: ({ start }) => start },
    { title: 'Log end', number: true, value: ({ end }) => end },
    { title: 'Lag', number: true, value: ({ lag }) => lag },
    { title: 'Oldest waits', number: true, value: ({ lagSeconds }) => seconds(lagSeconds) },
    { title: 'Since you look', value: ({ topic, partition }) => trend(lines.get(`${key}/${topic}/${partition}`) ?? []) },
    { title: 'Verdict', value: ({ state }) => tag(state, TONES[state]) },
    { title: 'Lost', number: true, value: ({ lost }) => lost },
    { title: 'Loss in', number: true, value: ({ secondsUntilLoss }) => (secondsUntilLoss === null ? 'never' : seconds(secondsUntilLoss)) },
    { title: 'Client', value: ({ clientId }) => clientId ?? '' },
  ];
  const region = { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': `Partitions of ${group.group}`, 'data-label': `partitions of ${key}` };
  const details = make('details', {}, summary, make('div', region, table('', columns, group.partitions)));
  details.open = opened.has(key);
  details.addEventListener('toggle', () => (details.open ? opened.add(key) : opened.delete(key)));
  return details;
}
