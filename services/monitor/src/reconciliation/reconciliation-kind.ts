import type { Logger } from '@tradestream/runtime';
import { type VerifyProgress, verifyInstallation } from '@tradestream/verify';
import type { JobKind, JobRun, JsonObject } from '../jobs/job-kind.ts';

/** What a reconciliation is told. */
export type ReconciliationParameters = {
  /** Whether the projections are held against the fold of the events, too. */
  readonly views: boolean;
  /** Begin at the newest stored snapshot instead of the first event. */
  readonly fromSnapshot: boolean;
};

export type ReconciliationParts = {
  readonly primaryUrl: () => string;
  readonly kafkaBrokers: readonly string[];
  readonly topicPrefix: string;
  readonly log: Logger;
};

const TELL_MS = 1_000;
/** Of each list; the first of them are what matters. */
const NAMED_MAX = 20;

/**
 * Holds ledger, log, topic and views against each other, as `tradestream verify` does it. What it finds
 * is the result: a contradiction is no failure of the job. It is of one moment, so a run that was
 * stopped begins anew.
 */
export function reconciliationKind(parts: ReconciliationParts): JobKind {
  return { name: 'reconciliation', run: async (run) => await reconcile(run, parts) };
}

async function reconcile(run: JobRun, parts: ReconciliationParts): Promise<JsonObject> {
  const { primaryUrl, kafkaBrokers, topicPrefix, log } = parts;
  const { views, fromSnapshot } = run.parameters as ReconciliationParameters; // written by our own routes
  const startedMs = performance.now();
  const told = tell(run);
  try {
    const { ok, firstContradiction, contradictions, notes, base, checked } = await verifyInstallation(
      { databaseUrl: primaryUrl(), kafkaBrokers: kafkaBrokers.join(',') },
      { signal: run.signal, topicPrefix, views, fromSnapshot, log, progress: told.progress },
    );
    await told.end();
    return {
      ok,
      firstContradiction,
      contradictions: contradictions.slice(0, NAMED_MAX),
      notes: notes.slice(0, NAMED_MAX),
      views,
      base,
      ...checked,
      seconds: Math.round(performance.now() - startedMs) / 1_000,
    };
  } finally {
    clearInterval(told.timer);
  }
}

type Told = {
  readonly progress: VerifyProgress;
  readonly timer: NodeJS.Timeout;
  /** Of what the log has lost, and of what lies behind a contradiction, nothing was to be read: all is done. */
  readonly end: () => Promise<void>;
};

/** Counts events and records that were looked at, and says it in the job's row now and then. */
function tell(run: JobRun): Told {
  let [done, total] = [0, 0];
  const progress: VerifyProgress = {
    plan: (planned) => (total = planned),
    start: () => undefined,
    add: (count) => (done += count),
    stop: () => undefined,
  };
  // What it throws is the signal's reason, which ends the verification itself.
  const timer = setInterval(() => void run.progress(Math.min(done, total), total).catch(() => undefined), TELL_MS);
  const end = async () => {
    clearInterval(timer);
    await run.progress(total, total);
  };
  return { progress, timer, end };
}
