import { DatabaseError } from '@tradestream/database';
import { nextPauseMs, sleep } from '@tradestream/runtime';
import { ProjectorError } from '../errors.ts';
import { loadBase, writeBase } from './base.ts';
import { eventsBelow, type Horizon, sourceOf, type WorkBench } from './bench.ts';
import type { RowDifference } from './compare-rows.ts';
import { type Chunk, foldLedger, type Positions, writeFold } from './fold-ledger.ts';
import { endRequest } from './request-store.ts';
import {
  beginNext,
  inTransaction,
  loadLivePositions,
  loadSidePositions,
  loadVersions,
  saveSidePositions,
  takeKept,
} from './side-version.ts';
import { knownToLedger, verifyVersions } from './verify-rows.ts';

/** What a rebuild or a rollback came to. */
export type MadeVersion = {
  readonly version: number;
  readonly replaced: number | null;
  readonly events: number;
  readonly seconds: number;
  readonly eventsPerSecond: number;
  /** Rows of the version that was replaced which were not what the events make them. */
  readonly live: { readonly count: number; readonly differences: readonly RowDifference[] } | null;
  /** The same of the version that is now read; only a rollback puts one in place that differs. */
  readonly next: { readonly count: number; readonly differences: readonly RowDifference[] };
};

/** Events that may be taken while nobody can project: more are caught up with first. */
const LAST_EVENTS_MAX = 5_000;
/** Longest wait for batches under way, and for readers of the table, before everybody else goes on. */
const WAIT = { positions: '2s', table: '300ms' } as const;
const ATTEMPTS = { max: 120, initialMs: 100, maxMs: 5_000 } as const;
const TAKEN: ReadonlySet<string> = new Set(['55P03', '40P01', '40001']);

/**
 * Makes a version of a projection beside the live one and puts it in its place:
 *
 *   loading -> indexing -> catching up -> comparing -> swapping -> done
 *
 * A version that a rebuild began is gone on with after a crash: its positions are written with its
 * rows. A rollback begins with the version that was kept, and `catching up`. Until the last
 * transaction nobody reads what is made here; that transaction also ends the request.
 * @throws {ProjectorError} VERSION_DIFFERS, NOTHING_KEPT, SWAP_BLOCKED, LEDGER_INCOMPLETE, EVENTS_REMOVED, EVENT_REFUSED
 */
export async function makeVersion(bench: WorkBench): Promise<void> {
  const { session, view, request, report } = bench;
  const startedMs = performance.now();
  const versions = await loadVersions(session, view.name);
  const version = await beginOrGoOn(bench, versions.nextRequest === request.id ? versions.next : null);
  const loaded = await load(bench, version, { phase: 'loading', to: await shownUpTo(bench) });
  const loadedSeconds = (performance.now() - startedMs) / 1_000;
  await report({ phase: 'indexing', done: loaded.total, total: loaded.total });
  await session.query({ text: 'SELECT views.index_next($1)', values: [view.name] });
  await load(bench, version, { phase: 'catching up', to: await shownUpTo(bench) });
  const { next, live } = await verifyVersions(bench, version);
  if (request.kind === 'rebuild' && next.count > 0) {
    const keys = next.differences.slice(0, 10).map(({ key }) => key);
    throw new ProjectorError('VERSION_DIFFERS', { context: { projection: view.name, count: next.count, keys } });
  }
  const result: MadeVersion = {
    version,
    replaced: versions.live,
    events: loaded.events,
    seconds: Math.round(performance.now() - startedMs) / 1_000,
    eventsPerSecond: Math.round(loaded.events / Math.max(0.001, loadedSeconds)),
    live,
    next,
  };
  await swap(bench, version, result);
}

async function beginOrGoOn(bench: WorkBench, begun: number | null): Promise<number> {
  const { session, ledger, view, request } = bench;
  if (begun !== null) return begun;
  if (request.kind === 'rebuild') return await beginVersion(bench);
  const kept = await takeKept(session, view.name, request.id);
  if (kept === null) throw new ProjectorError('NOTHING_KEPT', { context: { projection: view.name } });
  const positions = await loadSidePositions(session, view.name, kept);
  if ((await knownToLedger(ledger, positions)).size < positions.size) {
    throw new ProjectorError('LEDGER_INCOMPLETE', {
      detail: 'the kept version holds events that the ledger does not have',
      context: { projection: view.name, version: kept },
    });
  }
  return kept;
}

/** With the rows of the base in it, where events were removed. */
async function beginVersion(bench: WorkBench): Promise<number> {
  const { session, view, request } = bench;
  const base = await loadBase(bench);
  return await inTransaction(session, async () => {
    const version = await beginNext(session, view.name, request.id);
    if (base === null) return version;
    await writeBase(session, view, base, { table: `views_next.${view.name}` });
    await session.query(saveSidePositions(view.name, version, base.positions));
    return version;
  });
}

/**
 * Where the live rows are, so that both can be compared when the live ones have gone on; where there
 * are none, or not of this ledger, the end of the ledger.
 */
async function shownUpTo({ session, ledger, view, horizon }: WorkBench): Promise<Horizon> {
  const end = await horizon();
  const live = await knownToLedger(ledger, await loadLivePositions(session, view.name));
  return new Map([...end].map(([partition, last]) => [partition, live.get(partition) ?? last]));
}

/** Brings the version further; where it is there already, nothing is read. */
async function load(
  bench: WorkBench,
  version: number,
  { phase, to }: { readonly phase: string; readonly to: Horizon },
): Promise<{ readonly events: number; readonly total: number }> {
  const { session, view, report, onFolded } = bench;
  const from = await loadSidePositions(session, view.name, version);
  const total = eventsBelow(to);
  const start = eventsBelow(from);
  let done = start;
  await report({ phase, done, total });
  await foldLedger(sourceOf(bench), view, { from, to }, async (chunk) => {
    await inTransaction(session, async () => {
      // A crash takes the rows with their positions; what is put in place has been flushed before it.
      await session.query({ text: 'SET LOCAL synchronous_commit = off' });
      await writeChunk(bench, version, chunk);
    });
    onFolded(chunk.eventCount);
    done += chunk.eventCount;
    await report({ phase, done, total });
  });
  return { events: done - start, total };
}

async function writeChunk({ session, view }: WorkBench, version: number, { fold, reached }: Chunk): Promise<void> {
  await writeFold(session, fold, `views_next.${view.name}`);
  await session.query(saveSidePositions(view.name, version, reached));
}

async function swap(bench: WorkBench, version: number, result: MadeVersion): Promise<void> {
  const { view, signal, request } = bench;
  let pauseMs = 0;
  for (let attempt = 1; attempt <= ATTEMPTS.max; attempt += 1) {
    await load(bench, version, { phase: 'swapping', to: await bench.horizon() });
    try {
      if (await trySwap(bench, version, result)) return;
    } catch (error) {
      if (!(error instanceof DatabaseError) || !TAKEN.has(error.code)) throw error;
      pauseMs = nextPauseMs(ATTEMPTS, pauseMs);
      await sleep(pauseMs, signal);
    }
  }
  throw new ProjectorError('SWAP_BLOCKED', { context: { projection: view.name, request: request.id } });
}

/** False when too much has come meanwhile: to be caught up with first. */
async function trySwap(bench: WorkBench, version: number, result: MadeVersion): Promise<boolean> {
  const { session, view, request } = bench;
  return await inTransaction(session, async () => {
    await session.query({ text: `SET LOCAL lock_timeout = '${WAIT.positions}'` });
    const live = await loadLivePositions(session, view.name, true);
    const side = await loadSidePositions(session, view.name, version);
    const last = await lastStretch(bench, side, live);
    if (eventsBelow(last) - eventsBelow(side) > LAST_EVENTS_MAX) return false;
    await foldLedger(sourceOf(bench), view, { from: side, to: last }, async (chunk) => {
      await writeChunk(bench, version, chunk);
    });
    await session.query({ text: `SET LOCAL lock_timeout = '${WAIT.table}'` });
    await session.query({ text: 'SELECT views.swap_in($1)', values: [view.name] });
    await endRequest(session, request.id, { state: 'done', result });
    return true;
  });
}

/**
 * Where the version must be before it is read: nowhere before the live one, in the partitions whose
 * live position is one of this ledger. Below both offsets there is nothing that it does not hold.
 */
async function lastStretch(bench: WorkBench, side: Positions, live: Positions): Promise<Positions> {
  const known = await knownToLedger(bench.ledger, live);
  const last = new Map(side);
  for (const [partition, position] of known) {
    const own = side.get(partition);
    const further = own === undefined || own.seq < position.seq ? position : own;
    last.set(partition, { ...further, nextOffset: Math.max(own?.nextOffset ?? 0, position.nextOffset) });
  }
  return last;
}
