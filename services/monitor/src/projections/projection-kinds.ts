import { sleep } from '@tradestream/runtime';
import { MonitorError } from '../errors.ts';
import type { JobKind, JobKindName, JobRun, JsonObject } from '../jobs/job-kind.ts';
import { askPrimary } from '../sources/ask-primary.ts';
import type { NodeLink } from '../sources/node-link.ts';
import { askForRequest, cancelRequest, loadRequest } from './request-statements.ts';

export type ProjectionVerb = 'rebuild' | 'verify' | 'repair' | 'rollback' | 'drop-kept';

/** What a job with a projection is told. */
export type ProjectionParameters = {
  readonly verb: ProjectionVerb;
  readonly projection: string;
  readonly key: string | null;
};

const POLL_MS = 250;

/**
 * Work that a projector does: the projectors alone write the views. The job writes a request under its
 * own id, and follows it; a job run twice asks once. A second job for the same new version follows the
 * first one's request.
 */
export function projectionKinds(link: () => NodeLink | null): readonly JobKind[] {
  const names: readonly JobKindName[] = ['rebuild-projection', 'verify-projection', 'replay-projection'];
  return names.map((name) => ({
    name,
    run: async (run) => await follow(run, link),
    cancel: async (id) => void (await askPrimary(link, cancelRequest(id))),
  }));
}

async function follow(run: JobRun, link: () => NodeLink | null): Promise<JsonObject> {
  const { verb, projection, key } = run.parameters as ProjectionParameters; // written by our own routes
  const [asked] = await askPrimary<{ readonly id: string }>(
    link,
    askForRequest({ id: run.id, verb, projection, key, actor: run.actor, why: run.why }),
  );
  const id = asked?.id ?? run.id;
  for (;;) {
    const [request] = await askPrimary<FollowedRequest>(link, loadRequest(id));
    if (request === undefined) throw new MonitorError('PROJECTION_REQUEST_FAILED', { detail: 'it is not there' });
    const { kind, state, phase, done, total, error, result } = request;
    if (kind !== verb) throw new MonitorError('PROJECTION_BUSY', { context: { projection, kind, request: id } });
    await run.progress(done, total, { request: id, phase: phase ?? state });
    if (state === 'done') return { projection, verb, ...result };
    if (state === 'failed' || state === 'cancelled') {
      throw new MonitorError('PROJECTION_REQUEST_FAILED', { detail: error ?? state, context: { projection, verb } });
    }
    await sleep(POLL_MS, run.signal);
  }
}

type FollowedRequest = {
  readonly kind: ProjectionVerb;
  readonly state: 'waiting' | 'running' | 'done' | 'failed' | 'cancelled';
  readonly phase: string | null;
  readonly done: number;
  readonly total: number | null;
  readonly error: string | null;
  readonly result: JsonObject | null;
};
