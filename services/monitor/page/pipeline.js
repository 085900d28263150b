import { counted, fill, make, number, rate, seconds, tag } from './dom.js';

const BAD = new Set(['STALL', 'STOP']);
const FLOW = { OK: 'flowing', WARN: 'falls behind', REWIND: 'is read anew', STALL: 'is not read', STOP: 'is not read' };

/** The parts of a command's way, as it flows, from who sends it to who reads what came of it. */
export function drawPipeline({ lag, replication, pipeline, health }) {
  // Readings of a broker that does not answer are as old as its silence.
  const isBrokerDown = health.checks.some(({ name, ok }) => name === 'broker' && !ok);
  const ledger = lag?.database.find(({ group }) => group === 'ledger') ?? null;
  const projections = lag?.database.filter(({ group }) => group.startsWith('projection-')) ?? [];
  const { throughput, database, relay, batches, canary, parked } = pipeline;
  const primary = replication.nodes.find(({ role }) => role === 'primary') ?? null;
  const replicas = replication.nodes.filter(({ name, role }) => role === 'replica' || (role === 'unknown' && name !== 'primary'));
  const wellReplicas = replicas.filter(({ healthy }) => healthy);
  const slowest = highest(replicas.map(({ lagSeconds }) => lagSeconds));
  const unprojected = highest(pipeline.projections.map(({ lagEvents }) => lagEvents));
  fill(
    'pipeline',
    part({
      title: 'Producers',
      figure: isBrokerDown ? 'unknown' : rate(throughput.produced),
      lines: ['commands published'],
      tone: isBrokerDown ? 'unknown' : 'ok',
      state: isBrokerDown ? 'cannot publish' : throughput.produced === 0 ? 'quiet' : 'publishing',
    }),
    part({
      title: 'Commands topic',
      figure: ledger === null || isBrokerDown ? 'unknown' : `${number(ledger.totalLag ?? 0)} waiting`,
      lines: isBrokerDown ? [] : [`oldest ${seconds(ledger?.maxLagSeconds)}`],
      ...(isBrokerDown ? NO_BROKER : { tone: toneOfTopic(ledger?.verdict), state: FLOW[ledger?.verdict] ?? 'unknown' }),
    }),
    part({
      title: 'Workers',
      figure: rate(throughput.applied),
      lines: ['commands applied', batchLine(batches), counted(database.workers ?? 0, 'connection'), ...parkedLines(parked)],
      ...(isBrokerDown && database.workers > 0 ? { tone: 'warn', state: 'wait for the broker' } : readers(database.workers, [ledger], 'applying')),
    }),
    part({
      title: 'Primary',
      figure: primary?.healthy ? 'takes writes' : 'down',
      lines: [
        `${number(database.usagePercent ?? 0)} % of connections in use`,
        `${number(database.waitingForStandby ?? 0)} commits wait for a standby`,
      ],
      tone: primary?.healthy ? 'ok' : 'bad',
      state: primary?.problem || 'well',
    }),
    part({
      title: 'Events topic',
      figure: isBrokerDown ? 'unknown' : rate(throughput.published),
      lines: ['events published', `${number(relay.lagEvents ?? 0)} not yet`],
      ...(isBrokerDown ? NO_BROKER : relayed(relay)),
    }),
    part({
      title: 'Projections',
      figure: unprojected === null ? 'unknown' : `${number(unprojected)} behind`,
      lines: [`events, of ${counted(pipeline.projections.length, 'view')}`, counted(database.projectors ?? 0, 'connection')],
      ...readers(database.projectors, projections, 'projecting'),
    }),
    part({
      title: 'Replicas',
      figure: `${wellReplicas.length} of ${replicas.length} well`,
      lines: ['serve reads', `slowest ${seconds(slowest)} behind`],
      tone: replicas.length === wellReplicas.length ? 'ok' : wellReplicas.length > 0 ? 'warn' : 'bad',
      state: replicas.find(({ healthy }) => !healthy)?.problem ?? 'well',
    }),
  );
  fill('canary', ...canaryParts(canary));
}

const NO_BROKER = { tone: 'bad', state: 'Kafka does not answer' };

/** Records that wait are the sign; who does not take them is the cause, and stands out. */
function toneOfTopic(verdict) {
  if (verdict === undefined) return 'unknown';
  return verdict === 'OK' ? 'ok' : 'warn';
}

/** Those who read, by their sessions and by whether the offsets that they move do move. */
function readers(sessions, groups, working) {
  if (sessions === null) return { tone: 'unknown', state: 'unknown' };
  if (sessions === 0) return { tone: 'bad', state: 'gone' };
  const verdicts = groups.map((group) => group?.verdict);
  if (verdicts.some((verdict) => BAD.has(verdict))) return { tone: 'bad', state: 'stand still' };
  return verdicts.includes('WARN') ? { tone: 'warn', state: 'too slow' } : { tone: 'ok', state: working };
}

function relayed({ lagSeconds }) {
  if (lagSeconds === null) return { tone: 'unknown', state: 'unknown' };
  return lagSeconds > 5 ? { tone: 'bad', state: `stuck for ${seconds(lagSeconds)}` } : { tone: 'ok', state: 'flowing' };
}

function parkedLines({ records }) {
  return records > 0 ? [make('a', { href: '#parked-title' }, `${counted(records, 'record')} set aside`)] : [];
}

function batchLine({ commandsMean, secondsMean }) {
  if (commandsMean === null) return 'no batches now';
  return `${number(Math.round(commandsMean))} a batch, ${seconds(secondsMean)}`;
}

function part({ title, figure, lines, tone, state }) {
  return make(
    'li',
    { class: `is-${tone}` },
    make('h3', {}, title),
    make('b', {}, figure),
    ...lines.map((line) => make('small', {}, line)),
    make('span', { class: 'state' }, state),
  );
}

/** The whole way at once, by a command of the monitor's own. */
function canaryParts({ enabled, ok, at, visibleSeconds, appliedSeconds, detail }) {
  if (!enabled) return ['End to end: not measured, the canary is switched off.'];
  if (at === null) return ['End to end: the first command of the canary is on its way.'];
  if (!ok) return ['End to end: ', tag('canary lost', 'bad'), ` ${detail}`];
  const seen = visibleSeconds === null ? '' : ` and seen on a replica after ${seconds(visibleSeconds)}`;
  return [`End to end: a command of the canary was applied after ${seconds(appliedSeconds)}${seen}.`];
}

function highest(values) {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : Math.max(...known);
}
