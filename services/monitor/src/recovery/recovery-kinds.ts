import type { LogAdmin } from '@tradestream/messaging';
import {
  archiveReceipts,
  askOf,
  dryRunCommands,
  forgetCommands,
  forgetReceipts,
  openRecoverySession,
  type ReplayPlan,
  removeEvents,
  replayCommands,
  takeSnapshot,
} from '@tradestream/recovery';
import { decide } from '@tradestream/trading';
import type { JobKind, JobKindName, JobRun, JsonObject } from '../jobs/job-kind.ts';
import type { DryRunParameters, ForgetParameters, ReplayParameters } from './recovery-parameters.ts';

export type RecoveryParts = {
  readonly admin: LogAdmin;
  readonly topic: string;
  readonly primaryUrl: () => string;
  /** Events leave the ledger after so many days; 0: never. */
  readonly eventDays: number;
};

/** The base of the next dry run, and the one before it. */
const SNAPSHOTS_KEPT = 2;
export const DAY_MS = 86_400_000;

/** Reading and deciding again, and what is put away: each on a connection of its own. */
export function recoveryKinds({ admin, topic, primaryUrl, eventDays }: RecoveryParts): readonly JobKind[] {
  const kind = (name: JobKindName, work: (run: JobRun, source: Source) => Promise<JsonObject>): JobKind => ({
    name,
    run: async (run) => {
      const session = await openRecoverySession(primaryUrl(), run.signal);
      try {
        return await work(run, { session, ask: askOf(session), admin, topic, eventDays });
      } finally {
        await session.close();
      }
    },
  });
  return [
    kind('replay-commands', replay),
    kind('dry-run-commands', dryRun),
    kind('retention', archive),
    kind('forget-receipts', forget),
    kind('snapshot', snapshot),
  ];
}

type Source = Pick<RecoveryParts, 'admin' | 'topic' | 'eventDays'> & {
  readonly session: Awaited<ReturnType<typeof openRecoverySession>>;
  readonly ask: ReturnType<typeof askOf>;
};

async function replay(run: JobRun, source: Source): Promise<JsonObject> {
  const { wanted } = run.parameters as ReplayParameters; // written by our own route
  const saved = run.checkpoint as { readonly plan: ReplayPlan } | null; // written below
  return await replayCommands({
    ...source,
    ...actorOf(run),
    wanted,
    signal: run.signal,
    plan: saved?.plan ?? null,
    onPlan: async (plan) => await run.progress(0, null, { plan }),
    onProgress: async (done, total) => await run.progress(done, total),
  });
}

async function dryRun(run: JobRun, { session, topic }: Source): Promise<JsonObject> {
  const { origin } = run.parameters as DryRunParameters; // written by our own route
  return await dryRunCommands({
    session,
    run: run.id,
    topic,
    origin,
    decide,
    signal: run.signal,
    onProgress: async (done, total) => await run.progress(done, total),
  });
}

async function archive(run: JobRun, source: Source): Promise<JsonObject> {
  const moved = await archiveReceipts({
    ...source,
    signal: run.signal,
    onMoved: async (count) => await run.progress(count, null),
  });
  if (source.eventDays === 0) return { moved };
  const { session, topic, eventDays } = source;
  const removal = await removeEvents({
    session,
    topic,
    ageMs: eventDays * DAY_MS,
    ...actorOf(run),
    keep: SNAPSHOTS_KEPT,
    signal: run.signal,
    onRemoved: async (count) => await run.progress(moved + count, null),
  });
  return { moved, ...removal };
}

async function forget(run: JobRun, { ask, topic }: Source): Promise<JsonObject> {
  const wanted = run.parameters as ForgetParameters; // written by our own route
  if ('commandIds' in wanted) {
    const { commandIds } = wanted;
    return { asked: commandIds.length, forgotten: await forgetCommands({ ask, commandIds, ...actorOf(run) }) };
  }
  const forgotten = await forgetReceipts({
    ask,
    topic,
    beforeMs: Date.parse(wanted.before),
    ...actorOf(run),
    signal: run.signal,
    onForgotten: async (count) => await run.progress(count, null),
  });
  return { forgotten };
}

async function snapshot(run: JobRun, { session, topic }: Source): Promise<JsonObject> {
  const taken = await takeSnapshot(session, { topic, ...actorOf(run), keep: SNAPSHOTS_KEPT });
  return { ...taken };
}

/** The job's id in the reason: its rows in the audit are told apart by it, and a snapshot taken twice is one. */
function actorOf({ id, actor, why }: JobRun): { readonly actor: string; readonly why: string } {
  return { actor, why: `${why} (job ${id})` };
}
