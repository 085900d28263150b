-- Events leave behind a stored snapshot. What stays of each is its place, command, type and time, so that
-- a receipt still says what came of its command; the payload, nearly all of its bytes, goes.
CREATE TABLE ledger.removed_events (
  seq         bigint NOT NULL,
  batch       bigint NOT NULL,
  occurred_at timestamptz NOT NULL,
  command_id  uuid NOT NULL,
  partition   integer NOT NULL,
  timeline    integer NOT NULL,
  index       integer NOT NULL,
  type        text COLLATE "C" NOT NULL,
  PRIMARY KEY (partition, seq)
);
CREATE VIEW ledger.every_event AS
  SELECT seq, batch, occurred_at, command_id, partition, timeline, index, type, false AS removed FROM ledger.events
  UNION ALL
  SELECT seq, batch, occurred_at, command_id, partition, timeline, index, type, true FROM ledger.removed_events;

-- Every event of the partition up to `removed_seq` is gone, behind the snapshot `removed_behind`.
ALTER TABLE ledger.retention
  ADD COLUMN removed_seq bigint NOT NULL DEFAULT 0 CHECK (removed_seq >= 0),
  ADD COLUMN removed_behind bigint;

-- A snapshot that events may leave behind: kept until another serves. `complete`: with the times of its
-- orders, which the ledger does not have and the removed events had.
ALTER TABLE ledger.snapshots
  ADD COLUMN for_retention boolean NOT NULL DEFAULT false,
  ADD COLUMN complete boolean NOT NULL DEFAULT false;
ALTER TABLE ledger.snapshot_orders ADD COLUMN placed_at timestamptz, ADD COLUMN updated_at timestamptz;

-- Snapshots behind which every event is still there: folding those gives the state of now.
CREATE VIEW ledger.bases AS
  SELECT s.* FROM ledger.snapshots AS s WHERE NOT EXISTS (
    SELECT FROM ledger.retention AS r
    WHERE r.topic = s.topic AND r.removed_seq > coalesce((s.seqs ->> r.partition::text)::bigint, 0));

-- Held by a session while it folds events in more than one transaction: none is removed meanwhile.
CREATE FUNCTION ledger.hold_events() RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS 'SELECT pg_advisory_lock_shared(7453, 1)';

-- Why no event may leave behind a snapshot yet; null when nothing stands against it. Whoever publishes or
-- shows events must hold all of those that are in it, in every version that is read, built or kept.
CREATE FUNCTION ledger.removal_blocker(behind bigint) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  base ledger.snapshots;
  blocker text;
BEGIN
  SELECT * INTO base FROM ledger.snapshots AS s WHERE s.id = behind;
  SELECT format('event %s/%s is not published', p.partition, s.seq) INTO blocker
    FROM jsonb_each_text(base.seqs) AS s (partition, seq)
    JOIN ledger.partitions AS p ON p.topic = base.topic AND p.partition = s.partition::integer
    WHERE p.published_seq < s.seq::bigint ORDER BY p.partition LIMIT 1;
  IF blocker IS NOT NULL THEN
    RETURN blocker;
  END IF;
  IF to_regclass('views.projections') IS NULL THEN
    RETURN 'the views are in another database, and what they hold is not known here';
  END IF;
  EXECUTE $positions$
    SELECT format('the %s version of projection %s is at event %s/%s, before %1$s/%s', v.what, p.projection, s.partition,
        coalesce(h.seq, 0), s.seq)
      FROM views.projections AS p
      CROSS JOIN LATERAL (VALUES ('live', p.live_version), ('next', p.next_version), ('kept', p.kept_version))
        AS v (what, version)
      CROSS JOIN jsonb_each_text($1) AS s (partition, seq)
      LEFT JOIN (SELECT projection, version, partition, seq FROM views.positions
                 UNION ALL SELECT projection, version, partition, seq FROM views.side_positions) AS h
        ON h.projection = p.projection AND h.version = v.version AND h.partition = s.partition::integer
      WHERE (v.version IS NOT NULL OR v.what = 'live') AND s.seq::bigint > coalesce(h.seq, 0)
      ORDER BY p.projection, v.what, s.partition LIMIT 1$positions$ INTO blocker USING base.seqs;
  RETURN blocker;
END
$$;

-- Makes a snapshot fit to remove events behind it: takes over the times of its orders from the view, for
-- which it is old and projected enough. Once; with an audit row.
CREATE FUNCTION ledger.complete_snapshot(behind bigint, min_age interval, actor text, why text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  base ledger.snapshots;
  blocker text;
BEGIN
  IF trim(actor) = '' OR trim(why) = '' THEN
    RAISE EXCEPTION 'removing events needs an actor and a reason' USING ERRCODE = '22023';
  END IF;
  SELECT * INTO base FROM ledger.snapshots AS s WHERE s.id = behind AND s.for_retention FOR UPDATE;
  IF base.id IS NULL OR base.taken_at > clock_timestamp() - min_age THEN
    RAISE EXCEPTION 'snapshot % is not one of retention that is old enough', behind USING ERRCODE = '22023';
  END IF;
  IF base.complete THEN
    RETURN;
  END IF;
  blocker := ledger.removal_blocker(behind);
  IF blocker IS NOT NULL THEN
    RAISE EXCEPTION 'no event may leave behind snapshot %: %', behind, blocker USING ERRCODE = '55000';
  END IF;
  EXECUTE 'UPDATE ledger.snapshot_orders AS o
    SET placed_at = v.placed_at, updated_at = CASE WHEN v.version = o.version THEN v.updated_at END
    FROM views.orders AS v WHERE o.snapshot_id = $1 AND v.id = o.order_id' USING behind;
  IF EXISTS (SELECT FROM ledger.snapshot_orders AS o WHERE o.snapshot_id = behind AND o.placed_at IS NULL) THEN
    RAISE EXCEPTION 'no event may leave behind snapshot %: views.orders lacks orders that are in it', behind
      USING ERRCODE = '55000';
  END IF;
  UPDATE ledger.snapshots AS s SET complete = true WHERE s.id = behind;
  INSERT INTO ledger.audit (actor, action, why, details) VALUES (
    actor, 'REMOVE_EVENTS', why, jsonb_build_object('topic', base.topic, 'snapshot', behind, 'upTo', base.seqs));
END
$$;

-- Removes events of a partition that a complete snapshot holds: at most `count_max`, in one transaction.
CREATE FUNCTION ledger.remove_events(remove_partition integer, behind bigint, count_max integer)
RETURNS TABLE (removed bigint, done boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  base ledger.snapshots;
  blocker text;
  from_seq bigint;
  base_seq bigint;
  last_seq bigint;
  gone_count bigint;
BEGIN
  IF count_max < 1 THEN
    RAISE EXCEPTION 'a batch is of 1 event or more' USING ERRCODE = '22023';
  END IF;
  SELECT * INTO base FROM ledger.snapshots AS s WHERE s.id = behind AND s.complete FOR SHARE;
  IF base.id IS NULL THEN
    RAISE EXCEPTION 'snapshot % is not complete', behind USING ERRCODE = '22023';
  END IF;
  IF NOT pg_try_advisory_xact_lock(7453, 1) THEN
    RAISE EXCEPTION 'events are being folded, and none is removed meanwhile' USING ERRCODE = '55P03';
  END IF;
  blocker := ledger.removal_blocker(behind);
  IF blocker IS NOT NULL THEN
    RAISE EXCEPTION 'no event may leave behind snapshot %: %', behind, blocker USING ERRCODE = '55000';
  END IF;
  INSERT INTO ledger.retention (topic, partition) VALUES (base.topic, remove_partition) ON CONFLICT DO NOTHING;
  SELECT r.removed_seq INTO from_seq FROM ledger.retention AS r
    WHERE r.topic = base.topic AND r.partition = remove_partition FOR UPDATE;
  base_seq := coalesce((base.seqs ->> remove_partition::text)::bigint, 0);
  last_seq := least(base_seq, from_seq + count_max);
  IF last_seq <= from_seq THEN
    RETURN QUERY SELECT 0::bigint, true;
    RETURN;
  END IF;
  WITH gone AS (
    DELETE FROM ledger.events AS e WHERE e.partition = remove_partition AND e.seq > from_seq AND e.seq <= last_seq
      RETURNING e.*)
  INSERT INTO ledger.removed_events (seq, batch, occurred_at, command_id, partition, timeline, index, type)
    SELECT seq, batch, occurred_at, command_id, partition, timeline, index, type FROM gone;
  GET DIAGNOSTICS gone_count = ROW_COUNT;
  IF gone_count <> last_seq - from_seq THEN
    RAISE EXCEPTION 'partition % has % events between % and %', remove_partition, gone_count, from_seq, last_seq
      USING ERRCODE = '55000';
  END IF;
  UPDATE ledger.retention AS r SET removed_seq = last_seq, removed_behind = behind, updated_at = now()
    WHERE r.topic = base.topic AND r.partition = remove_partition;
  RETURN QUERY SELECT gone_count, last_seq = base_seq;
END
$$;

-- As before, but that receipts of removed events are archived, too.
CREATE OR REPLACE FUNCTION ledger.archive_receipts(
  archive_topic text, archive_partition integer, before_offset bigint, count_max integer
) RETURNS TABLE (moved bigint, done boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  start_seq bigint;
  last_seq bigint;
  limit_offset bigint;
  moved_events bigint;
  moved_discarded bigint;
BEGIN
  IF count_max < 1 THEN
    RAISE EXCEPTION 'a batch is of 1 event or more' USING ERRCODE = '22023';
  END IF;
  INSERT INTO ledger.retention (topic, partition) VALUES (archive_topic, archive_partition) ON CONFLICT DO NOTHING;
  SELECT r.archived_seq INTO start_seq FROM ledger.retention AS r
    WHERE r.topic = archive_topic AND r.partition = archive_partition FOR UPDATE;
  SELECT least(before_offset, p.next_offset) INTO limit_offset FROM ledger.partitions AS p
    WHERE p.topic = archive_topic AND p.partition = archive_partition;
  IF limit_offset IS NULL THEN
    RAISE EXCEPTION '%/% is not in the ledger', archive_topic, archive_partition USING ERRCODE = '22023';
  END IF;
  SELECT coalesce(min(e.seq) FILTER (WHERE r."offset" >= limit_offset) - 1, max(e.seq), start_seq) INTO last_seq
    FROM ledger.every_event AS e LEFT JOIN ledger.receipts AS r ON r.command_id = e.command_id AND r.seq = e.seq
      AND r.partition = e.partition
    WHERE e.partition = archive_partition AND e.seq > start_seq AND e.seq <= start_seq + count_max;
  WITH gone AS (
    DELETE FROM ledger.receipts AS r USING ledger.every_event AS e
      WHERE e.partition = archive_partition AND e.seq > start_seq AND e.seq <= last_seq
        AND r.command_id = e.command_id AND r.seq = e.seq AND r.partition = e.partition
      RETURNING r.*, e.occurred_at)
  INSERT INTO ledger.receipt_archive
      (command_id, batch, "offset", seq, occurred_at, partition, index, outcome, payload_hash, reason)
    SELECT command_id, batch, "offset", seq, occurred_at, partition, index, outcome, payload_hash, reason FROM gone;
  GET DIAGNOSTICS moved_events = ROW_COUNT;
  WITH wanted AS (
    SELECT r.command_id, k.record_time
      FROM ledger.parked AS k JOIN ledger.receipts AS r ON r.command_id = k.command_id
      WHERE k.topic = archive_topic AND k.partition = archive_partition AND k."offset" < limit_offset
        AND k.status = 'discarded' AND r.outcome = 'discarded' AND r.partition = k.partition AND r."offset" = k."offset"
      LIMIT count_max), gone AS (
    DELETE FROM ledger.receipts AS r USING wanted AS w WHERE r.command_id = w.command_id
      RETURNING r.*, w.record_time)
  INSERT INTO ledger.receipt_archive
      (command_id, batch, "offset", seq, occurred_at, partition, index, outcome, payload_hash, reason)
    SELECT command_id, batch, "offset", seq, record_time, partition, index, outcome, payload_hash, reason FROM gone;
  GET DIAGNOSTICS moved_discarded = ROW_COUNT;
  UPDATE ledger.retention AS r SET
    archived_seq = last_seq, discarded = r.discarded OR moved_discarded > 0, updated_at = now()
    WHERE r.topic = archive_topic AND r.partition = archive_partition;
  RETURN QUERY SELECT moved_events + moved_discarded, last_seq < start_seq + count_max AND moved_discarded < count_max;
END
$$;

-- As before; a quiet partition's last event may be a removed one. `keep_for_retention`: events may leave
-- behind it.
DROP FUNCTION ledger.take_snapshot(text, text, text);
CREATE FUNCTION ledger.take_snapshot(
  snapshot_topic text, actor text, why text, keep_for_retention boolean DEFAULT false
)
RETURNS ledger.snapshots
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  made ledger.snapshots;
  copied bigint;
BEGIN
  IF current_setting('transaction_isolation') NOT IN ('repeatable read', 'serializable') THEN
    RAISE EXCEPTION 'a snapshot is taken in a transaction that sees one moment' USING ERRCODE = '25001';
  END IF;
  IF trim(actor) = '' OR trim(why) = '' THEN
    RAISE EXCEPTION 'a snapshot needs an actor and a reason' USING ERRCODE = '22023';
  END IF;
  INSERT INTO ledger.snapshots (topic, actor, why, for_retention, batch, seqs)
    SELECT snapshot_topic, take_snapshot.actor, take_snapshot.why, keep_for_retention, coalesce(max(e.batch), 0),
           coalesce(jsonb_object_agg(p.partition, p.event_seq), '{}')
      FROM ledger.partitions AS p LEFT JOIN ledger.every_event AS e ON e.partition = p.partition AND e.seq = p.event_seq
      WHERE p.topic = snapshot_topic
    RETURNING * INTO made;
  INSERT INTO ledger.snapshot_balances (snapshot_id, user_id, asset, available, held, version)
    SELECT made.id, user_id, asset, available, held, version FROM ledger.balances WHERE version > 0;
  GET DIAGNOSTICS copied = ROW_COUNT;
  UPDATE ledger.snapshots SET balances = copied WHERE id = made.id;
  INSERT INTO ledger.snapshot_orders
      (snapshot_id, order_id, user_id, symbol, side, status, price, quantity, filled, hold, version)
    SELECT made.id, order_id, user_id, symbol, side, status, price, quantity, filled, hold, version FROM ledger.orders;
  GET DIAGNOSTICS copied = ROW_COUNT;
  UPDATE ledger.snapshots SET orders = copied WHERE id = made.id RETURNING * INTO made;
  RETURN made;
END
$$;

-- Drops all but the newest snapshots, and of those for retention the ones behind which events are missing;
-- answers how many.
CREATE OR REPLACE FUNCTION ledger.drop_snapshots(snapshot_topic text, keep integer)
RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  old bigint[];
BEGIN
  IF keep < 1 THEN
    RAISE EXCEPTION 'at least one snapshot is kept' USING ERRCODE = '22023';
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

REVOKE EXECUTE ON FUNCTION ledger.hold_events, ledger.removal_blocker, ledger.complete_snapshot, ledger.remove_events,
  ledger.take_snapshot FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger.hold_events TO tradestream_projector, tradestream_monitor;
GRANT EXECUTE ON FUNCTION ledger.removal_blocker, ledger.complete_snapshot, ledger.remove_events, ledger.take_snapshot
  TO tradestream_monitor;
GRANT SELECT ON ledger.every_event TO tradestream_gateway;
GRANT SELECT ON ledger.every_event, ledger.bases, ledger.retention, ledger.trades, ledger.snapshot_balances,
  ledger.snapshot_orders TO tradestream_projector;
GRANT SELECT ON ledger.every_event, ledger.removed_events, ledger.bases TO tradestream_monitor;
