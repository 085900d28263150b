import { sleep } from '@tradestream/runtime';
import type { JobKind, JobRun, JsonObject } from '../jobs/job-kind.ts';
import type { NodeLink } from '../sources/node-link.ts';
import type { DeadLetterFilter } from './dead-letter-filter.ts';
import { IntentStore, type Outcomes, VERBS, type Verb } from './intent-store.ts';

export type ReleaseOptions = {
  readonly link: () => NodeLink | null;
  readonly topic: string;
  /** Records asked for in a second, at most. */
  readonly ratePerSecond: number;
};

/** What a verb is about, as it stands in the parameters of its job. */
export type ReleaseParameters = {
  readonly filter: DeadLetterFilter;
  readonly lastId: string;
  readonly count: number;
  readonly editedValue?: string;
};

type Standing = { readonly after: string; readonly alreadyAsked: number; readonly isAllAsked: boolean };

const PORTION_MAX = 500;
/** Intents of one job that wait for their owner: with no worker there, a flood is not written ahead of it. */
const OPEN_MAX = 2_000;
const POLL_MS = 200;
const START: Standing = { after: '0', alreadyAsked: 0, isAllAsked: false };

/** Redrive, discard and edit: each writes intents in portions, and follows them to their outcome. */
export function releaseKinds(options: ReleaseOptions): readonly JobKind[] {
  const store = new IntentStore(options.link, options.topic);
  return VERBS.map((name) => ({ name, run: (run) => release(name, run, { store, options }) }));
}

async function release(
  verb: Verb,
  run: JobRun,
  { store, options }: { readonly store: IntentStore; readonly options: ReleaseOptions },
): Promise<JsonObject> {
  const { filter, lastId, count, editedValue } = run.parameters as ReleaseParameters; // as the route wrote them
  const order = { jobId: run.id, verb, actor: run.actor, why: run.why, editedValue: editedValue ?? null };
  const limit = Math.min(PORTION_MAX, options.ratePerSecond);
  let standing: Standing = { ...START, ...run.checkpoint };
  let outcomes = await store.outcomes(run.id);
  while (!standing.isAllAsked || outcomes.open > 0) {
    let pauseMs = POLL_MS;
    if (!standing.isAllAsked && outcomes.open + limit <= OPEN_MAX) {
      const written = await store.ask(order, { filter, after: standing.after, last: lastId, limit });
      standing = {
        after: written.lastId ?? standing.after,
        alreadyAsked: standing.alreadyAsked + written.alreadyAsked,
        isAllAsked: written.picked < limit,
      };
      pauseMs = Math.max(standing.isAllAsked ? POLL_MS : 0, (written.asked / options.ratePerSecond) * 1_000);
    }
    await run.progress(Math.min(settledOf(outcomes) + standing.alreadyAsked, count), count, standing);
    await sleep(pauseMs, run.signal);
    outcomes = await store.outcomes(run.id);
  }
  await run.progress(count, count, standing);
  return resultOf(count, standing, outcomes);
}

function settledOf({ applied, rejected, discarded, parked }: Outcomes): number {
  return applied + rejected + discarded + parked;
}

/** Every record that was meant: asked for here, asked for by others first, or no more parked when its turn came. */
function resultOf(count: number, { alreadyAsked }: Standing, outcomes: Outcomes): JsonObject {
  const { applied, rejected, discarded, parked: failedAgain, failures } = outcomes;
  const asked = settledOf(outcomes);
  const settledByOthers = Math.max(0, count - asked - alreadyAsked);
  return { asked, alreadyAsked, settledByOthers, applied, rejected, discarded, failedAgain, failures };
}
