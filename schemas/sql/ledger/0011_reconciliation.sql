-- What the last reconciliation found is asked for at every reading of the monitor, and stays however old
-- it is: an alert rests on it.
CREATE INDEX jobs_reconciled ON ledger.jobs (created_at) WHERE kind = 'reconciliation' AND state = 'done';

-- As before, but for that one.
CREATE OR REPLACE FUNCTION ledger.prune_finished(finished_before timestamptz, count_max integer)
RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  old uuid[];
  reconciled uuid;
  side text;
  step bigint;
  removed bigint := 0;
BEGIN
  IF count_max < 1 OR finished_before > now() - interval '1 hour' THEN
    RAISE EXCEPTION 'what ended within the hour is kept, and a batch is of 1 row or more' USING ERRCODE = '22023';
  END IF;
  SELECT j.id INTO reconciled FROM ledger.jobs AS j WHERE j.kind = 'reconciliation' AND j.state = 'done'
    ORDER BY j.created_at DESC LIMIT 1;
  SELECT array_agg(ended.id) INTO old FROM (
    SELECT j.id FROM ledger.jobs AS j
      WHERE j.finished_at < finished_before AND j.state IN ('done', 'failed', 'cancelled') AND NOT EXISTS (
        SELECT FROM ledger.intents AS i JOIN ledger.parked AS k ON k.id = i.parked_id
          WHERE i.job_id = j.id AND (i.executed_at IS NULL OR k.status = 'parked'
            OR EXISTS (SELECT FROM ledger.edits AS e WHERE e.intent_id = i.id)))
        AND j.id IS DISTINCT FROM reconciled
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
