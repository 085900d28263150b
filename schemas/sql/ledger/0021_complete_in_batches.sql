-- Makes a snapshot fit to remove events behind it: takes over the times of its orders from the view, for
-- which it is old and projected enough. At most `count_max` orders behind the order `after` in one
-- transaction; answers with the last of them, null once the snapshot is complete, with an audit row.
-- Each order stands for itself: one whose view has moved on since has its later times from later events.
DROP FUNCTION ledger.complete_snapshot(bigint, interval, text, text);
CREATE FUNCTION ledger.complete_snapshot(
  behind bigint, min_age interval, after text, count_max integer, actor text, why text
) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  base ledger.snapshots;
  blocker text;
  batch text[];
BEGIN
  IF count_max < 1 THEN
    RAISE EXCEPTION 'a batch is of 1 order or more' USING ERRCODE = '22023';
  END IF;
  IF trim(actor) = '' OR trim(why) = '' THEN
    RAISE EXCEPTION 'removing events needs an actor and a reason' USING ERRCODE = '22023';
  END IF;
  SELECT * INTO base FROM ledger.snapshots AS s WHERE s.id = behind AND s.for_retention FOR UPDATE;
  IF base.id IS NULL OR base.taken_at > clock_timestamp() - min_age THEN
    RAISE EXCEPTION 'snapshot % is not one of retention that is old enough', behind USING ERRCODE = '22023';
  END IF;
  IF base.complete THEN
    RETURN NULL;
  END IF;
  blocker := ledger.removal_blocker(behind);
  IF blocker IS NOT NULL THEN
    RAISE EXCEPTION 'no event may leave behind snapshot %: %', behind, blocker USING ERRCODE = '55000';
  END IF;
  batch := ARRAY(SELECT o.order_id FROM ledger.snapshot_orders AS o
    WHERE o.snapshot_id = behind AND o.order_id > after ORDER BY o.order_id LIMIT count_max);
  EXECUTE 'UPDATE ledger.snapshot_orders AS o
    SET placed_at = v.placed_at, updated_at = CASE WHEN v.version = o.version THEN v.updated_at END
    FROM views.orders AS v
    WHERE o.snapshot_id = $1 AND o.order_id = ANY ($2) AND o.placed_at IS NULL AND v.id = o.order_id'
    USING behind, batch;
  IF cardinality(batch) = count_max THEN
    RETURN batch[count_max];
  END IF;
  IF EXISTS (SELECT FROM ledger.snapshot_orders AS o WHERE o.snapshot_id = behind AND o.placed_at IS NULL) THEN
    RAISE EXCEPTION 'no event may leave behind snapshot %: views.orders lacks orders that are in it', behind
      USING ERRCODE = '55000';
  END IF;
  UPDATE ledger.snapshots AS s SET complete = true WHERE s.id = behind;
  INSERT INTO ledger.audit (actor, action, why, details) VALUES (
    actor, 'REMOVE_EVENTS', why, jsonb_build_object('topic', base.topic, 'snapshot', behind, 'upTo', base.seqs));
  RETURN NULL;
END
$$;
REVOKE EXECUTE ON FUNCTION ledger.complete_snapshot FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger.complete_snapshot TO tradestream_monitor;
