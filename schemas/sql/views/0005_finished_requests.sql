-- Removes requests that ended before a time, the oldest first, at most `count_max`; answers how many it
-- was. Kept are those that are named, the one that a next version is made for, and whatever was asked of
-- a projection that nobody reads yet: its projectors ask for its first version once.
CREATE INDEX requests_finished ON views.requests (finished_at) WHERE finished_at IS NOT NULL;
CREATE FUNCTION views.prune_requests(finished_before timestamptz, kept uuid[], count_max integer)
RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  removed bigint;
BEGIN
  IF count_max < 1 OR finished_before > now() - interval '1 hour' THEN
    RAISE EXCEPTION 'what ended within the hour is kept, and a batch is of 1 row or more' USING ERRCODE = '22023';
  END IF;
  DELETE FROM views.requests AS r USING (
    SELECT o.id FROM views.requests AS o JOIN views.projections AS p ON p.projection = o.projection
      WHERE o.finished_at < finished_before AND o.state IN ('done', 'failed', 'cancelled')
        AND p.live_version IS NOT NULL AND p.next_request IS DISTINCT FROM o.id
        AND NOT EXISTS (SELECT FROM unnest(kept) AS k (id) WHERE k.id = o.id)
      ORDER BY o.finished_at LIMIT count_max FOR UPDATE OF o SKIP LOCKED) AS ended
    WHERE r.id = ended.id;
  GET DIAGNOSTICS removed = ROW_COUNT;
  RETURN removed;
END
$$;
REVOKE EXECUTE ON FUNCTION views.prune_requests FROM PUBLIC;
GRANT EXECUTE ON FUNCTION views.prune_requests TO tradestream_monitor;
