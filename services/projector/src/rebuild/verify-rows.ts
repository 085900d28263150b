import type { Session } from '@tradestream/database';
import { loadBase, writeBase } from './base.ts';
import { eventsBelow, sourceOf, type WorkBench } from './bench.ts';
import { compareRows, type Differences } from './compare-rows.ts';
import { foldLedger, type Positions, writeFold } from './fold-ledger.ts';
import { loadLivePositions, loadSidePositions } from './side-version.ts';

export type Verdict = Differences & { readonly events: number; readonly seconds: number };

/**
 * Compares every row that is read with the fold of the events, at the positions that belong to those
 * rows: rows and positions are of one snapshot, while the projection goes on.
 * @throws {ProjectorError} LEDGER_INCOMPLETE, EVENT_REFUSED, SCHEMA_UNKNOWN
 */
export async function verifyRows(bench: WorkBench): Promise<Verdict> {
  const startedMs = performance.now();
  return await inFoldTransaction(bench, async (folded) => {
    const live = await loadLivePositions(bench.session, bench.view.name);
    await foldUpTo(bench, folded, { from: await beginFold(bench, folded), to: live });
    const found = await compareRows(bench.session, { shown: `views.${bench.view.name}`, folded }, bench.view.keyParts);
    return { ...found, events: eventsBelow(live), seconds: secondsSince(startedMs) };
  });
}

/**
 * Compares the version that is being built with the fold of the events, and then the live one: that is
 * what putting the new one in its place will change. `live` is null when it is behind the new version,
 * or of a history that the ledger does not have.
 */
export async function verifyVersions(
  bench: WorkBench,
  version: number,
): Promise<{ readonly next: Differences; readonly live: Differences | null }> {
  const { session, view } = bench;
  return await inFoldTransaction(bench, async (folded) => {
    const side = await loadSidePositions(session, view.name, version);
    const live = await loadLivePositions(session, view.name);
    await foldUpTo(bench, folded, { from: await beginFold(bench, folded), to: side });
    const next = await compareRows(session, { shown: `views_next.${view.name}`, folded }, view.keyParts);
    if (!(await isOnTheWay(bench, side, live))) return { next, live: null };
    await foldUpTo(bench, folded, { from: side, to: live });
    return { next, live: await compareRows(session, { shown: `views.${view.name}`, folded }, view.keyParts) };
  });
}

/** Those of the positions whose event is in the ledger, with the same timeline. */
export async function knownToLedger(ledger: Session, positions: Positions): Promise<Positions> {
  const asked = [...positions].filter(([, { seq }]) => seq > 0);
  const { rows } = await ledger.query<{ partition: number }>({
    text: `SELECT e.partition FROM unnest($1::int[], $2::bigint[], $3::int[]) AS mine (partition, seq, timeline)
           JOIN ledger.every_event AS e ON e.partition = mine.partition AND e.seq = mine.seq AND e.timeline = mine.timeline`,
    values: [
      asked.map(([partition]) => partition),
      asked.map(([, { seq }]) => seq),
      asked.map(([, { timeline }]) => timeline),
    ],
  });
  const known = new Set(rows.map(({ partition }) => partition));
  return new Map([...positions].filter(([partition, { seq }]) => seq === 0 || known.has(partition)));
}

/** Whether the live positions are those of this ledger and nowhere before the others. */
async function isOnTheWay({ ledger }: WorkBench, side: Positions, live: Positions): Promise<boolean> {
  const known = await knownToLedger(ledger, live);
  return [...side].every(([partition, { seq }]) => (known.get(partition)?.seq ?? 0) >= seq);
}

/** One snapshot with an empty table of the view's columns in it; nothing of it remains. */
async function inFoldTransaction<Answer>(
  { session, view }: WorkBench,
  work: (folded: string) => Promise<Answer>,
): Promise<Answer> {
  const folded = `pg_temp.fold_of_${view.name}`;
  await session.query({ text: 'BEGIN ISOLATION LEVEL REPEATABLE READ' });
  try {
    // Before the snapshot is taken: nobody swaps the tables under it.
    await session.query({ text: `LOCK TABLE views.${view.name} IN ACCESS SHARE MODE` });
    await session.query({
      text: `CREATE TEMPORARY TABLE fold_of_${view.name} (LIKE views.${view.name} INCLUDING GENERATED)`,
    });
    const columns = view.keyParts.map(({ column }) => column).join(', ');
    // Where rows are added to. Without it a row made twice is there twice, and differs.
    if (view.growsRows) await session.query({ text: `CREATE UNIQUE INDEX ON ${folded} (${columns})` });
    return await work(folded);
  } finally {
    if (!session.closed.aborted) await session.query({ text: 'ROLLBACK' }).catch(() => undefined);
  }
}

/** The rows of the base, where events were removed; the positions at which the fold begins. */
async function beginFold(bench: WorkBench, table: string): Promise<Positions> {
  const base = await loadBase(bench);
  if (base === null) return new Map();
  await writeBase(bench.session, bench.view, base, { table });
  return base.positions;
}

async function foldUpTo(
  bench: WorkBench,
  table: string,
  stretch: { readonly from: Positions; readonly to: Positions },
): Promise<void> {
  const { session, view, report, onFolded } = bench;
  const total = eventsBelow(stretch.to);
  let done = eventsBelow(stretch.from);
  await foldLedger(sourceOf(bench), view, stretch, async ({ fold, eventCount }) => {
    await writeFold(session, fold, table);
    onFolded(eventCount);
    done += eventCount;
    await report({ phase: 'comparing', done, total });
  });
  await session.query({ text: `ANALYZE ${table}` });
}

function secondsSince(startedMs: number): number {
  return Math.round(performance.now() - startedMs) / 1_000;
}
