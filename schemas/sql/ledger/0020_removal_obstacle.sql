-- As removal_blocker was, which is its detail; `what` is one of few words, that alerts are told apart by.
CREATE FUNCTION ledger.removal_obstacle(behind bigint, OUT what text, OUT detail text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  base ledger.snapshots;
BEGIN
  SELECT * INTO base FROM ledger.snapshots AS s WHERE s.id = behind;
  SELECT 'unpublished events', format('event %s/%s is not published', p.partition, s.seq) INTO what, detail
    FROM jsonb_each_text(base.seqs) AS s (partition, seq)
    JOIN ledger.partitions AS p ON p.topic = base.topic AND p.partition = s.partition::integer
    WHERE p.published_seq < s.seq::bigint ORDER BY p.partition LIMIT 1;
  IF what IS NOT NULL THEN
    RETURN;
  END IF;
  IF to_regclass('views.projections') IS NULL THEN
    what := 'views in another database';
    detail := 'the views are in another database, and what they hold is not known here';
    RETURN;
  END IF;
  EXECUTE $positions$
    SELECT format('%s version of a projection', v.what),
        format('the %s version of projection %s is at event %s/%s, before %3$s/%5$s', v.what, p.projection, s.partition,
          coalesce(h.seq, 0), s.seq)
      FROM views.projections AS p
      CROSS JOIN LATERAL (VALUES ('live', p.live_version), ('next', p.next_version), ('kept', p.kept_version))
        AS v (what, version)
      CROSS JOIN jsonb_each_text($1) AS s (partition, seq)
      LEFT JOIN (SELECT projection, version, partition, seq FROM views.positions
                 UNION ALL SELECT projection, version, partition, seq FROM views.side_positions) AS h
        ON h.projection = p.projection AND h.version = v.version AND h.partition = s.partition::integer
      WHERE (v.version IS NOT NULL OR v.what = 'live') AND s.seq::bigint > coalesce(h.seq, 0)
      ORDER BY p.projection, v.what, s.partition LIMIT 1$positions$ INTO what, detail USING base.seqs;
END
$$;
CREATE OR REPLACE FUNCTION ledger.removal_blocker(behind bigint) RETURNS text
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS 'SELECT detail FROM ledger.removal_obstacle(behind)';

REVOKE EXECUTE ON FUNCTION ledger.removal_obstacle FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger.removal_obstacle TO tradestream_monitor;
