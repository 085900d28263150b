import { sleep } from '@tradestream/runtime';
import { MonitorError } from '../errors.ts';
import type { JobKind, JobKindName, JobRun, JsonObject } from '../jobs/job-kind.ts';
import { askPrimary } from '../sources/ask-primary.ts';
import type { NodeLink } from '../sources/node-link.ts';
import { askForRequest, cancelRequest, loadLiveVersion, loadRequest } from './request-statements.ts';

export type ProjectionVerb = 'rebuild' | 'verify' | 'repair' | 'rollback' | 'drop-kept';

/** What a job with a projection is told. */
export type ProjectionParameters = {
  readonly verb: ProjectionVerb;
  readonly projection: string;
  readonly key: string | null;
  /** What was read, and what was kept, when a new version was asked for: it is made of these, or not at all. */
  readonly seen?: { readonly liveVersion: number | null; readonly keptVersion: number | null };
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
  const parameters = run.parameters as ProjectionParameters; // written by our own routes
  const { verb, projection, key, seen } = parameters;
  const seenVersion = seen?.liveVersion ?? null;
  const [asked] = await askPrimary<{ readonly id: string | null }>(
    link,
    askForRequest({ id: run.id, verb, projection, key, seenVersion, actor: run.actor, why: run.why }),
  );
  const id = asked?.id ?? null;
  if (id === null) return await madeByOthers(link, parameters);
  for (;;) {
    const [request] = await askPrimary<FollowedRequest>(link, loadRequest(id));
    if (request === undefined) throw new MonitorError('PROJECTION_REQUEST_FAILED', { detail: 'it is not there' });
    const { kind, state, phase, done, total, error, result } = request;
    if (kind !== verb) throw new MonitorError('PROJECTION_BUSY', { context: { projection, kind, request: id } });
    await run.progress(done, total, { request: id, phase: phase ?? state });
    if (state === 'done') return { projection, verb, ...result };
    // What another's job has taken back is still wanted here: once more for each that somebody cancels.
    if (state === 'cancelled' && id !== run.id) return await follow(run, link);
    if (state === 'failed' || state === 'cancelled') {
      throw new MonitorError('PROJECTION_REQUEST_FAILED', { detail: error ?? state, context: { projection, verb } });
    }
    await sleep(POLL_MS, run.signal);
  }
}

/** Whoever was first has done it; unless he put another version in place than was wanted here. */
async function madeByOthers(link: () => NodeLink | null, parameters: ProjectionParameters): Promise<JsonObject> {
  const { verb, projection, seen } = parameters;
  const [now] = await askPrimary<{ readonly liveVersion: number | null }>(link, loadLiveVersion(projection));
  const version = now?.liveVersion ?? null;
  if (!isWanted(parameters, version)) {
    const wanted = verb === 'rollback' ? seen?.keptVersion : 'a new one';
    throw new MonitorError('PROJECTION_REPLACED', { context: { projection, version, wanted } });
  }
  return { projection, verb, version, madeByOthers: true };
}

/**
 * Whether the version that is read now is what was asked for: the one that was kept then, or, of a rebuild, one that
 * is newer than both. A rollback puts no other in place than these two, and is no rebuild.
 */
export function isWanted({ verb, seen }: Pick<ProjectionParameters, 'verb' | 'seen'>, version: number | null): boolean {
  if (version === null || seen === undefined) return false;
  const { liveVersion, keptVersion } = seen;
  return verb === 'rollback' ? version === keptVersion : version > Math.max(liveVersion ?? 0, keptVersion ?? 0);
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
