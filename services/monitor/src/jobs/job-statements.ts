// The statements of the job book. Time is the server's everywhere: the clocks of runners do not count.

const COLUMNS = `
  id, kind, state, parameters, done::float8, total::float8, checkpoint, result, error, actor, why, runs,
  cancel_requested AS "cancelRequested", created_at AS "createdAt", started_at AS "startedAt",
  updated_at AS "updatedAt", finished_at AS "finishedAt"`;

export const CREATE = `
  WITH made AS (
    INSERT INTO ledger.jobs (id, kind, parameters, actor, why, total) VALUES ($1, $2, $3::jsonb, $4, $5, $6)
    RETURNING id, kind, actor, why, parameters)
  INSERT INTO ledger.audit (actor, action, why, details)
  SELECT actor, kind, why, jsonb_build_object('jobId', id, 'parameters', parameters) FROM made`;

export const CLAIM = `
  UPDATE ledger.jobs SET
    state = 'running', runner = $2, lease_until = clock_timestamp() + make_interval(secs => $3::float8 / 1000),
    runs = runs + 1, started_at = coalesce(started_at, now()), updated_at = now(), error = NULL
  WHERE id = $1 AND state IN ('waiting', 'running') AND (lease_until IS NULL OR lease_until <= clock_timestamp())
  RETURNING ${COLUMNS}`;

export const PROGRESS = `
  UPDATE ledger.jobs SET
    lease_until = clock_timestamp() + make_interval(secs => $3::float8 / 1000), updated_at = now(),
    done = coalesce($4, done), total = coalesce($5, total), checkpoint = coalesce($6::jsonb, checkpoint),
    progressed_at = CASE WHEN (done, total, checkpoint)
        IS DISTINCT FROM (coalesce($4, done), coalesce($5, total), coalesce($6::jsonb, checkpoint))
      THEN now() ELSE progressed_at END
  WHERE id = $1 AND runner = $2 AND state = 'running'
  RETURNING cancel_requested AS "cancelRequested"`;

// What was asked for parked records stands in the audit from the start; here, with the end, what came of it.
export const FINISH = `
  WITH ended AS (
    UPDATE ledger.jobs SET
      state = $3, result = $4::jsonb, error = $5, runner = NULL, lease_until = NULL, updated_at = now(), finished_at = now()
    WHERE id = $1 AND runner = $2 AND state = 'running'
    RETURNING id, kind, actor, why, state, result)
  INSERT INTO ledger.audit (actor, action, why, details)
  SELECT actor, 'end-job', why,
    jsonb_build_object('jobId', id, 'kind', kind, 'state', state) || coalesce(result - 'failures', '{}')
  FROM ended WHERE kind IN ('redrive', 'discard', 'edit')`;

// With an error the job is not due before a pause of 1 s to 64 s, longer with every run.
export const RELEASE = `
  UPDATE ledger.jobs SET
    state = 'waiting', runner = NULL, error = $3, updated_at = now(),
    lease_until = CASE WHEN $3::text IS NULL THEN NULL
      ELSE clock_timestamp() + make_interval(secs => power(2, least(runs, 6) - 1)) END
  WHERE id = $1 AND runner = $2 AND state = 'running'`;

// What an earlier run has begun elsewhere is taken back by whoever claims the job next.
export const CANCEL = `
  WITH cancelled AS (
    UPDATE ledger.jobs SET
      cancel_requested = true, updated_at = now(),
      state = CASE WHEN state = 'waiting' AND runs = 0 THEN 'cancelled' ELSE state END,
      finished_at = CASE WHEN state = 'waiting' AND runs = 0 THEN now() END,
      lease_until = CASE WHEN state = 'running' THEN lease_until END
    WHERE id = $1 AND state IN ('waiting', 'running')
    RETURNING ${COLUMNS}),
  noted AS (
    INSERT INTO ledger.audit (actor, action, why, details)
    SELECT $2, 'cancel-job', $3, jsonb_build_object('jobId', id, 'kind', kind) FROM cancelled)
  SELECT * FROM cancelled`;

export const RESUME = `
  WITH resumed AS (
    UPDATE ledger.jobs SET
      state = 'waiting', cancel_requested = false, error = NULL, result = NULL, runner = NULL, lease_until = NULL,
      updated_at = now(), progressed_at = now(), finished_at = NULL
    WHERE id = $1 AND state IN ('failed', 'cancelled')
    RETURNING ${COLUMNS}),
  noted AS (
    INSERT INTO ledger.audit (actor, action, why, details)
    SELECT $2, 'resume-job', $3, jsonb_build_object('jobId', id, 'kind', kind) FROM resumed)
  SELECT * FROM resumed`;

export const DUE = `
  SELECT id FROM ledger.jobs
  WHERE state IN ('waiting', 'running') AND (lease_until IS NULL OR lease_until <= clock_timestamp())
  ORDER BY created_at, id LIMIT $1`;

export const UNFINISHED = `SELECT id FROM ledger.jobs WHERE kind = $1 AND state IN ('waiting', 'running') LIMIT 1`;

export const ONE = `SELECT ${COLUMNS} FROM ledger.jobs WHERE id = $1`;

export const LIST = `
  SELECT ${COLUMNS} FROM ledger.jobs
  WHERE ($1::text IS NULL OR kind = $1) AND ($2::text IS NULL OR state = $2)
    AND ($3::uuid IS NULL OR (created_at, id) < (SELECT created_at, id FROM ledger.jobs WHERE id = $3))
  ORDER BY created_at DESC, id DESC LIMIT $4`;
