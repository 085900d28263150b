import type { Session } from '@tradestream/database';
import { type ProjectionRequest, RequestCancelled } from './request.ts';

/** Namespace of the advisory locks that say who works on which projection. */
const LOCK_SPACE = 1_953_653_104;
/** A request that ended its process, or met an outage, so often is given up. */
const RUNS_MAX = 20;

/** Cancelled before it was begun: there is nothing to clear away. */
const TAKEN_BACK = '(cancel_requested AND runs = 0)';

const COLUMNS = 'id, kind, projection, key, actor, why';

/** The oldest request for one of the projections that nobody works on. */
export async function findRequest(session: Session, projections: readonly string[]): Promise<ProjectionRequest | null> {
  const { rows } = await session.query<ProjectionRequest>({
    name: 'find_request',
    text: `SELECT ${COLUMNS} FROM views.requests AS r
           WHERE state IN ('waiting', 'running') AND projection = ANY ($1::text[]) AND NOT EXISTS (
             SELECT FROM pg_locks AS l WHERE l.locktype = 'advisory' AND l.classid = ${LOCK_SPACE}
               AND l.objid = (hashtext(r.projection)::bigint & 4294967295)::oid
               AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()))
           ORDER BY requested_at, id LIMIT 1`,
    values: [projections],
  });
  return rows[0] ?? null;
}

/**
 * Asks for the first version of those projections that nobody reads yet. True when it asked for one.
 * It asks once: when that failed, an operator asks again.
 */
export async function requestNewProjections(session: Session, projections: readonly string[]): Promise<boolean> {
  const { rowCount } = await session.query({
    name: 'request_new',
    text: `INSERT INTO views.requests (id, kind, projection, actor, why)
           SELECT gen_random_uuid(), 'rebuild', projection, 'projector', 'a projection that was never built'
           FROM views.projections AS p WHERE projection = ANY ($1::text[]) AND live_version IS NULL
             AND NOT EXISTS (SELECT FROM views.requests AS r WHERE r.projection = p.projection AND r.kind = 'rebuild'
               AND (r.state IN ('waiting', 'running') OR r.actor = 'projector'))
           ON CONFLICT DO NOTHING`,
    values: [projections],
  });
  return rowCount > 0;
}

/** Takes a request up in the session that works on it: false when somebody else does, or it has ended. */
export async function takeUp(session: Session, { id, projection }: ProjectionRequest): Promise<boolean> {
  const { rows } = await session.query<{ locked: boolean }>({
    text: `SELECT pg_try_advisory_lock(${LOCK_SPACE}, hashtext($1)) AS locked`,
    values: [projection],
  });
  if (rows[0]?.locked !== true) return false;
  const taken = await session.query({
    text: `UPDATE views.requests SET state = 'running', runs = runs + 1, started_at = coalesce(started_at, clock_timestamp()),
             updated_at = clock_timestamp()
           WHERE id = $1 AND state IN ('waiting', 'running') AND runs < ${RUNS_MAX} AND NOT ${TAKEN_BACK}`,
    values: [id],
  });
  if (taken.rowCount > 0) return true;
  await session.query({
    text: `UPDATE views.requests SET finished_at = clock_timestamp(),
             state = CASE WHEN ${TAKEN_BACK} THEN 'cancelled' ELSE 'failed' END,
             error = CASE WHEN NOT ${TAKEN_BACK} THEN 'it was begun ' || runs || ' times and never ended' END
           WHERE id = $1 AND state IN ('waiting', 'running')`,
    values: [id],
  });
  return false;
}

/** @throws {RequestCancelled} */
export async function saveProgress(
  session: Session,
  id: string,
  progress: { readonly phase: string; readonly done: number; readonly total: number },
): Promise<void> {
  const { rows } = await session.query<{ cancelled: boolean }>({
    name: 'save_progress',
    text: `UPDATE views.requests SET phase = $2, done = $3, total = $4, updated_at = clock_timestamp()
           WHERE id = $1 RETURNING cancel_requested AS cancelled`,
    values: [id, progress.phase, progress.done, progress.total],
  });
  if (rows[0]?.cancelled === true) throw new RequestCancelled(`request ${id} was cancelled`);
}

/** How a request ended. */
export type Ending =
  | { readonly state: 'done'; readonly result: object }
  | { readonly state: 'failed'; readonly error: string; readonly result?: object }
  | { readonly state: 'cancelled' };

/** One that has ended stays as it is. What was done has all of its total behind it, wherever it began. */
export async function endRequest(session: Session, id: string, ending: Ending): Promise<void> {
  const result = 'result' in ending && ending.result !== undefined ? JSON.stringify(ending.result) : null;
  await session.query({
    text: `UPDATE views.requests SET state = $2, result = $3, error = $4, phase = NULL, updated_at = clock_timestamp(),
             finished_at = clock_timestamp(), done = CASE WHEN $2 = 'done' THEN coalesce(total, done) ELSE done END
           WHERE id = $1 AND state IN ('waiting', 'running')`,
    values: [id, ending.state, result, ending.state === 'failed' ? ending.error : null],
  });
}
