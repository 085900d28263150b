-- When a job last got further; `updated_at` moves with its lease as well. Long work that stands still is
-- told by it.
ALTER TABLE ledger.jobs ADD COLUMN progressed_at timestamptz NOT NULL DEFAULT now();
CREATE INDEX jobs_finished ON ledger.jobs (finished_at) WHERE finished_at IS NOT NULL;
CREATE INDEX edits_intent ON ledger.edits (intent_id);

-- Removes jobs that ended before a time, with their intents and what their dry runs have found: at most
-- `count_max` rows of each table a call; answers how many rows it was, 0 when nothing is left to remove.
-- A job goes whole or stays: it stays while one of its intents is open, is of a record that is still
-- parked, or was an edit that a receipt rests on. What was done, by whom and why is in the audit, for ever.
CREATE FUNCTION ledger.prune_finished(finished_before timestamptz, count_max integer)
RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  old uuid[];
  side text;
  step bigint;
  removed bigint := 0;
BEGIN
  IF count_max < 1 OR finished_before > now() - interval '1 hour' THEN
    RAISE EXCEPTION 'what ended within the hour is kept, and a batch is of 1 row or more' USING ERRCODE = '22023';
  END IF;
  SELECT array_agg(ended.id) INTO old FROM (
    SELECT j.id FROM ledger.jobs AS j
      WHERE j.finished_at < finished_before AND j.state IN ('done', 'failed', 'cancelled') AND NOT EXISTS (
        SELECT FROM ledger.intents AS i JOIN ledger.parked AS k ON k.id = i.parked_id
          WHERE i.job_id = j.id AND (i.executed_at IS NULL OR k.status = 'parked'
            OR EXISTS (SELECT FROM ledger.edits AS e WHERE e.intent_id = i.id)))
      ORDER BY j.finished_at LIMIT count_max FOR UPDATE OF j SKIP LOCKED) AS ended;
  DELETE FROM ledger.intents AS i
    USING (SELECT id FROM ledger.intents WHERE job_id = ANY (old) LIMIT count_max) AS gone WHERE i.id = gone.id;
  GET DIAGNOSTICS step = ROW_COUNT;
  removed := removed + step;
  FOREACH side IN ARRAY ARRAY['runs', 'balances', 'orders', 'trades', 'differences'] LOOP
    EXECUTE format('DELETE FROM dry_run.%I AS d
      USING (SELECT ctid FROM dry_run.%1$I WHERE run = ANY ($1) LIMIT $2) AS gone WHERE d.ctid = gone.ctid', side)
      USING old, count_max;
    GET DIAGNOSTICS step = ROW_COUNT;
    removed := removed + step;
  END LOOP;
  DELETE FROM ledger.jobs AS j WHERE j.id = ANY (old)
    AND NOT EXISTS (SELECT FROM ledger.intents WHERE job_id = j.id)
    AND NOT EXISTS (SELECT FROM dry_run.runs WHERE run = j.id)
    AND NOT EXISTS (SELECT FROM dry_run.balances WHERE run = j.id)
    AND NOT EXISTS (SELECT FROM dry_run.orders WHERE run = j.id)
    AND NOT EXISTS (SELECT FROM dry_run.trades WHERE run = j.id)
    AND NOT EXISTS (SELECT FROM dry_run.differences WHERE run = j.id);
  GET DIAGNOSTICS step = ROW_COUNT;
  RETURN removed + step;
END
$$;
REVOKE EXECUTE ON FUNCTION ledger.prune_finished FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger.prune_finished TO tradestream_monitor;
