import { counted, fill, make, number, rate, seconds } from './dom.js';

const BAD = new Set(['STALL', 'STOP']);

/** The parts of a command's way, as it flows, from who sends it to who reads what came of it. */
export function drawPipeline({ lag, replication, pipeline }) {
  const ledger = lag?.database.find(({ group }) => group === 'ledger') ?? null;
  const projections = lag?.database.filter(({ group }) => group.startsWith('projection-')) ?? [];
  const { throughput, database, relay, batches, canary } = pipeline;
  const primary = replication.nodes.find(({ role }) => role === 'primary') ?? null;
  const replicas = replication.nodes.filter(({ name, role }) => role === 'replica' || (role === 'unknown' && name !== 'primary'));
  const wellReplicas = replicas.filter(({ healthy }) => healthy);
  const slowest = highest(replicas.map(({ lagSeconds }) => lagSeconds));
  const unprojected = highest(pipeline.projections.map(({ lagEvents }) => lagEvents));
  fill(
    'pipeline',
    part({
      title: 'Producers',
      figure: rate(throughput.produced),
      lines: ['commands published', canaryLine(canary)],
      tone: canary.at === null || canary.ok || !canary.enabled ? 'ok' : 'warn',
      state: 'publishing',
    }),
    part({
      title: 'Commands topic',
      figure: ledger === null ? 'unknown' : `${number(ledger.totalLag ?? 0)} waiting`,
      lines: [`oldest ${seconds(ledger?.maxLagSeconds)}`],
      tone: toneOf(ledger?.verdict),
      state: ledger?.verdict ?? 'unknown',
    }),
    part({
      title: 'Workers',
      figure: rate(throughput.applied),
      lines: ['commands applied', batchLine(batches), counted(database.workers ?? 0, 'connection')],
      tone: database.workers === null ? 'unknown' : database.workers > 0 ? 'ok' : 'bad',
      state: database.workers === 0 ? 'gone' : 'applying',
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
      figure: rate(throughput.published),
      lines: ['events published', `${number(relay.lagEvents ?? 0)} not yet`],
      tone: relay.lagSeconds === null ? 'unknown' : relay.lagSeconds > 5 ? 'bad' : 'ok',
      state: relay.lagSeconds > 5 ? `stuck for ${seconds(relay.lagSeconds)}` : 'flowing',
    }),
    part({
      title: 'Projections',
      figure: unprojected === null ? 'unknown' : `${number(unprojected)} behind`,
      lines: [`events, of ${counted(pipeline.projections.length, 'view')}`, counted(database.projectors ?? 0, 'connection')],
      tone: projections.some(({ verdict }) => BAD.has(verdict)) || database.projectors === 0 ? 'bad' : 'ok',
      state: database.projectors === 0 ? 'gone' : 'projecting',
    }),
    part({
      title: 'Replicas',
      figure: `${wellReplicas.length} of ${replicas.length} well`,
      lines: ['serve reads', `slowest ${seconds(slowest)} behind`],
      tone: replicas.length === wellReplicas.length ? 'ok' : wellReplicas.length > 0 ? 'warn' : 'bad',
      state: replicas.find(({ healthy }) => !healthy)?.problem ?? 'well',
    }),
  );
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

function canaryLine({ enabled, ok, at, visibleSeconds, appliedSeconds, detail }) {
  if (!enabled) return 'canary switched off';
  if (at === null) return 'canary on its way';
  return ok ? `canary seen after ${seconds(visibleSeconds ?? appliedSeconds)}` : `canary lost: ${detail}`;
}

function toneOf(verdict) {
  if (verdict === undefined) return 'unknown';
  return verdict === 'OK' ? 'ok' : BAD.has(verdict) ? 'bad' : 'warn';
}

function highest(values) {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : Math.max(...known);
}
