import type { Statement } from '@tradestream/database';

/**
 * Writes a request unless it is there; answers with the id to follow: another's, while that makes a new version;
 * null when another version than the one that was seen was put in place since.
 */
export function askForRequest(request: {
  readonly id: string;
  readonly verb: string;
  readonly projection: string;
  readonly key: string | null;
  readonly seenVersion: number | null;
  readonly actor: string;
  readonly why: string;
}): Statement {
  const { id, verb, projection, key, seenVersion, actor, why } = request;
  return {
    text: 'SELECT views.ask_once($1, $2, $3, $4, $5, $6, $7) AS id',
    values: [id, verb, projection, key, seenVersion, actor, why],
  };
}

/** The version that is read. */
export function loadLiveVersion(projection: string): Statement {
  return {
    text: 'SELECT live_version AS "liveVersion" FROM views.projections WHERE projection = $1',
    values: [projection],
  };
}

/** How far a request is. */
export function loadRequest(id: string): Statement {
  return {
    text: `SELECT kind, state, phase, done::float8 AS done, total::float8 AS total, error, result FROM views.requests WHERE id = $1`,
    values: [id],
  };
}

/** The projector that works on it finds out at its next step; one that has ended stays as it is. */
export function cancelRequest(id: string): Statement {
  return {
    text: `UPDATE views.requests SET cancel_requested = true WHERE id = $1 AND state IN ('waiting', 'running')`,
    values: [id],
  };
}

/** Every projection with what is being done with it. */
export function listProjections(commandsTopic: string): Statement {
  return {
    text: `
      SELECT p.projection, p.live_version AS "liveVersion", p.next_version AS "nextVersion", p.kept_version AS "keptVersion",
        p.swapped_at AS "swappedAt",
        (SELECT coalesce(sum(greatest(0, l.event_seq - coalesce(v.seq, 0))), 0)::float8
          FROM ledger.partitions AS l LEFT JOIN views.positions AS v ON v.partition = l.partition AND v.projection = p.projection
          WHERE l.topic = $1) AS "lagEvents",
        (SELECT jsonb_build_object('id', r.id, 'kind', r.kind, 'state', r.state, 'phase', r.phase, 'done', r.done, 'total', r.total)
          FROM views.requests AS r WHERE r.projection = p.projection AND r.state IN ('waiting', 'running')
          ORDER BY r.requested_at LIMIT 1) AS request
      FROM views.projections AS p ORDER BY p.projection`,
    values: [commandsTopic],
  };
}
