import type { Session } from '@tradestream/database';
import { askOf } from '../ask.ts';
import { inTransaction } from '../open-recovery-session.ts';
import { baseBefore, endOf, expectBase } from './base.ts';
import { type Cut, chooseBatch, cutBefore, type DryRunOrigin } from './cut.ts';
import { type Decide, decideAgain, type EventDifference, fold } from './decide-again.ts';
import { type AssetSum, type DryRunCounts, keepDifferences } from './dry-run-report.ts';
import { DryState } from './dry-state.ts';
import { type HistoryEvent, readHistory } from './read-history.ts';

export type DryRunOptions = {
  /** A session of its own. */
  readonly session: Session;
  /** A UUID: what is stored is stored under it, and a run that was stopped goes on. */
  readonly run: string;
  readonly topic: string;
  readonly origin: DryRunOrigin;
  readonly decide: Decide;
  readonly signal: AbortSignal;
  readonly onProgress: (done: number, total: number) => Promise<void>;
};

export type DryRunResult = {
  /** The first batch that was decided again. */
  readonly fromBatch: number | null;
  /** What the state before it was made from. */
  readonly base: 'beginning' | { readonly snapshot: number };
  /** Events folded to get there, and commands decided again. */
  readonly folded: number;
  readonly decided: number;
  readonly differences: DryRunCounts;
  readonly assets: readonly AssetSum[];
};

/** Stored with every page, in its transaction: where the run is. */
type RunState = {
  readonly fromBatch: number | null;
  readonly snapshotId: number | null;
  /** Partition and sequence: before the first event to fold, before the first to decide, of the last, and how far. */
  readonly begin: readonly (readonly [number, number])[];
  readonly start: readonly (readonly [number, number])[];
  readonly end: readonly (readonly [number, number])[];
  readonly at: readonly (readonly [number, number])[];
};

/**
 * Decides the commands of the history again, in history order, from the state at a batch, and reports
 * what would be different: each command that comes to something else, each order and balance at the end.
 * Reads events only: nothing of the live ledger changes, nothing is locked, and the log need not have
 * the records any more. The state is in the side schema; here are at most a few pages and 100,000
 * values of each kind.
 * @throws {RecoveryError} REPLAY_UNKNOWN_COMMAND, REPLAY_NO_PARTITION, EVENTS_REMOVED, HISTORY_GAP @throws {DatabaseError} @throws {ContractError}
 */
export async function dryRunCommands(options: DryRunOptions): Promise<DryRunResult> {
  const { session, run, topic, decide, signal, onProgress } = options;
  // What a crash takes of the side schema is made again: no standby is waited for.
  await session.query({ text: 'SET synchronous_commit TO off' });
  // No event leaves while this reads them.
  await session.query({ text: 'SELECT ledger.hold_events()' });
  const begun = (await loadState(session, run)) ?? (await begin(options));
  const { snapshotId, fromBatch } = begun;
  await expectBase(askOf(session), { topic, fromBatch, snapshotId });
  const [first, start, end] = [new Map(begun.begin), new Map(begun.start), new Map(begun.end)];
  const at = new Map(begun.at);
  const state = new DryState(session, run, { snapshotId, cut: start });
  const total = distance(first, end);

  const store = async (events: readonly HistoryEvent[], differences: readonly EventDifference[]) => {
    for (const { partition, seq } of events) at.set(partition, seq);
    await inTransaction(session, async () => {
      await state.flush();
      await addDifferences(session, run, differences);
      await saveState(session, run, { ...begun, at: [...at] });
    });
    await onProgress(distance(first, at), total);
    signal.throwIfAborted();
  };
  for await (const events of readHistory(session, { from: at, to: start })) {
    fold(state, events);
    await store(events, []);
  }
  for await (const events of readHistory(session, { from: at, to: end })) {
    await store(events, await decideAgain(state, events, decide));
  }
  // Its rows go with it: had it been dropped meanwhile, what was read since would be missing.
  await expectBase(askOf(session), { topic, fromBatch, snapshotId });
  const found = await inTransaction(session, async () => {
    await session.query({ text: 'SET LOCAL synchronous_commit TO on' });
    return await keepDifferences(session, run);
  });
  return {
    fromBatch,
    base: snapshotId === null ? 'beginning' : { snapshot: snapshotId },
    folded: distance(first, start),
    decided: distance(start, end),
    ...found,
  };
}

/** Chooses where the run begins and ends, and clears what an earlier try has left. */
async function begin({ session, run, topic, origin }: DryRunOptions): Promise<RunState> {
  const ask = askOf(session);
  const end = await endOf(ask, topic);
  const batch = await chooseBatch(ask, origin, end);
  const start = await cutBefore(ask, batch, end);
  const base = await baseBefore(ask, { topic, batch, end });
  const state: RunState = {
    fromBatch: batch === Infinity ? null : batch,
    snapshotId: base.snapshotId,
    begin: [...base.cut],
    start: [...start],
    end: [...end],
    at: [...base.cut],
  };
  await inTransaction(session, async () => {
    for (const table of ['balances', 'orders', 'trades', 'differences'])
      await session.query({ text: `DELETE FROM dry_run.${table} WHERE run = $1`, values: [run] });
    await saveState(session, run, state);
  });
  return state;
}

async function loadState(session: Session, run: string): Promise<RunState | null> {
  const { rows } = await session.query<{ state: RunState }>({
    text: 'SELECT state FROM dry_run.runs WHERE run = $1',
    values: [run],
  });
  return rows[0]?.state ?? null;
}

async function saveState(session: Session, run: string, state: RunState): Promise<void> {
  await session.query({
    name: 'dry_run_state',
    text: `INSERT INTO dry_run.runs (run, state) VALUES ($1, $2) ON CONFLICT (run) DO UPDATE SET state = excluded.state`,
    values: [run, JSON.stringify(state)],
  });
}

async function addDifferences(session: Session, run: string, differences: readonly EventDifference[]): Promise<void> {
  if (differences.length === 0) return;
  await session.query({
    text: `INSERT INTO dry_run.differences (run, kind, key, told, again)
           SELECT $1, 'event', * FROM unnest($2::text[], $3::jsonb[], $4::jsonb[])`,
    values: [
      run,
      differences.map(({ event: { partition, seq, commandId } }) => `${partition}/${seq} ${commandId}`),
      differences.map(({ told }) => JSON.stringify(told)),
      differences.map(({ again }) => JSON.stringify(again)),
    ],
  });
}

/** Events between two cuts. */
function distance(from: Cut, to: Cut): number {
  let count = 0;
  for (const [partition, seq] of to) count += Math.max(0, seq - (from.get(partition) ?? 0));
  return count;
}
