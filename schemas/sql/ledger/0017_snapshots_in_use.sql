-- As before, but that none is dropped while somebody folds events: a dry run reads its snapshot page by page,
-- and would take what is gone for accounts that had nothing. Who takes the next one drops it.
CREATE OR REPLACE FUNCTION ledger.drop_snapshots(snapshot_topic text, keep integer)
RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  old bigint[];
BEGIN
  IF keep < 1 THEN
    RAISE EXCEPTION 'at least one snapshot is kept' USING ERRCODE = '22023';
  END IF;
  IF NOT pg_try_advisory_xact_lock(7453, 1) THEN
    RETURN 0;
  END IF;
  SELECT array_agg(id) INTO old
    FROM (
      (SELECT id FROM ledger.snapshots WHERE topic = snapshot_topic AND NOT for_retention ORDER BY id DESC OFFSET keep)
      UNION ALL
      SELECT id FROM ledger.snapshots AS s WHERE topic = snapshot_topic AND for_retention
        AND NOT EXISTS (SELECT FROM ledger.bases AS b WHERE b.id = s.id)) AS older;
  DELETE FROM ledger.snapshot_balances WHERE snapshot_id = ANY (old);
  DELETE FROM ledger.snapshot_orders WHERE snapshot_id = ANY (old);
  DELETE FROM ledger.snapshots WHERE id = ANY (old);
  RETURN coalesce(cardinality(old), 0);
END
$$;
