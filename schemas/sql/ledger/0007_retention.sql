-- Receipts of records that the log no longer has: out of the hot table, and still consulted for every
-- id that it lacks. `occurred_at` is the time of the command's record.
CREATE TABLE ledger.receipt_archive (
  command_id   uuid NOT NULL,
  batch        bigint NOT NULL,
  "offset"     bigint NOT NULL,
  seq          bigint,
  occurred_at  timestamptz NOT NULL,
  partition    integer NOT NULL,
  index        integer NOT NULL,
  outcome      ledger.outcome NOT NULL,
  payload_hash bytea NOT NULL CHECK (length(payload_hash) = 32),
  reason       text,
  PRIMARY KEY (command_id)
) PARTITION BY HASH (command_id);
CREATE INDEX receipt_archive_occurred_at ON ledger.receipt_archive (occurred_at);
DO $$
BEGIN
  FOR part IN 0..15 LOOP
    EXECUTE format('CREATE TABLE ledger.receipt_archive_%s PARTITION OF ledger.receipt_archive
      FOR VALUES WITH (MODULUS 16, REMAINDER %s)', part, part);
  END LOOP;
END
$$;

-- How far the archive is: every event of the partition up to `archived_seq` has its receipt there,
-- but those forgotten on an operator's word. No row with an archived_seq above 0: the archive is empty.
CREATE TABLE ledger.retention (
  topic            text COLLATE "C" NOT NULL,
  partition        integer NOT NULL CHECK (partition >= 0),
  archived_seq     bigint NOT NULL DEFAULT 0 CHECK (archived_seq >= 0),
  discarded        boolean NOT NULL DEFAULT false,
  forgotten_before timestamptz,
  updated_at       timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (topic, partition)
);

-- An id is in one of the two.
CREATE VIEW ledger.every_receipt AS
  SELECT command_id, batch, "offset", seq, partition, index, outcome, payload_hash, reason, false AS archived
    FROM ledger.receipts
  UNION ALL
  SELECT command_id, batch, "offset", seq, partition, index, outcome, payload_hash, reason, true
    FROM ledger.receipt_archive;

-- Sent behind the insert of receipts, which waits for whoever is moving one of the ids: this later
-- statement then sees where it went. Raises what makes a worker load afresh and decide again.
CREATE FUNCTION ledger.expect_unarchived(command_ids uuid[])
RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM ledger.retention WHERE archived_seq > 0 OR discarded) THEN
    RETURN;
  END IF;
  IF EXISTS (SELECT FROM unnest(command_ids) AS mine (command_id)
             JOIN ledger.receipt_archive AS a ON a.command_id = mine.command_id) THEN
    RAISE EXCEPTION 'a command that was taken for new has its receipt in the archive' USING ERRCODE = 'TS003';
  END IF;
END
$$;

-- Moves receipts of records before an offset, which the log has lost, into the archive: at most
-- `count_max` events further, in one transaction. A parked record's receipt stays: it has yet to
-- change. An event redriven late has its turn when its sequence comes.
CREATE FUNCTION ledger.archive_receipts(
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
    FROM ledger.events AS e LEFT JOIN ledger.receipts AS r ON r.command_id = e.command_id AND r.seq = e.seq
      AND r.partition = e.partition
    WHERE e.partition = archive_partition AND e.seq > start_seq AND e.seq <= start_seq + count_max;
  WITH gone AS (
    DELETE FROM ledger.receipts AS r USING ledger.events AS e
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

-- Forgets archived receipts of commands whose records are older than a time: from then on such a
-- command, published again, is applied again. What was done, by whom and why is kept.
CREATE FUNCTION ledger.forget_receipts(
  forget_topic text, forget_before timestamptz, count_max integer, actor text, why text
) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  changed integer;
  forgotten bigint;
BEGIN
  IF count_max < 1 OR trim(actor) = '' OR trim(why) = '' THEN
    RAISE EXCEPTION 'forgetting needs a batch of 1 or more, an actor and a reason' USING ERRCODE = '22023';
  END IF;
  UPDATE ledger.retention SET forgotten_before = forget_before, updated_at = now()
    WHERE topic = forget_topic AND (archived_seq > 0 OR discarded)
      AND (forgotten_before IS NULL OR forgotten_before < forget_before);
  GET DIAGNOSTICS changed = ROW_COUNT;
  IF changed > 0 THEN
    INSERT INTO ledger.audit (actor, action, why, details) VALUES (
      actor, 'FORGET_RECEIPTS', why, jsonb_build_object('topic', forget_topic, 'before', forget_before,
        'risk', 'a command of before then that is published again is applied again'));
  END IF;
  DELETE FROM ledger.receipt_archive AS a
    USING (SELECT command_id FROM ledger.receipt_archive WHERE occurred_at < forget_before
           ORDER BY occurred_at LIMIT count_max) AS old
    WHERE a.command_id = old.command_id;
  GET DIAGNOSTICS forgotten = ROW_COUNT;
  RETURN forgotten;
END
$$;

-- The state at a moment: every balance and order, and for each partition the sequence up to which its
-- events are in them. Trade ids need no copy: ledger.trades names the event of each. `batch` is the
-- highest among those events.
CREATE TABLE ledger.snapshots (
  id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  topic    text COLLATE "C" NOT NULL,
  batch    bigint NOT NULL,
  seqs     jsonb NOT NULL,
  balances bigint NOT NULL DEFAULT 0,
  orders   bigint NOT NULL DEFAULT 0,
  taken_at timestamptz NOT NULL DEFAULT now(),
  actor    text NOT NULL,
  why      text NOT NULL
);
CREATE TABLE ledger.snapshot_balances (
  snapshot_id bigint NOT NULL REFERENCES ledger.snapshots,
  version     bigint NOT NULL,
  user_id     text COLLATE "C" NOT NULL,
  asset       text COLLATE "C" NOT NULL,
  available   numeric(38, 18) NOT NULL,
  held        numeric(38, 18) NOT NULL,
  PRIMARY KEY (snapshot_id, user_id, asset)
);
CREATE TABLE ledger.snapshot_orders (
  snapshot_id bigint NOT NULL REFERENCES ledger.snapshots,
  version     bigint NOT NULL,
  side        ledger.side NOT NULL,
  status      ledger.order_status NOT NULL,
  order_id    text COLLATE "C" NOT NULL,
  user_id     text COLLATE "C" NOT NULL,
  symbol      text COLLATE "C" NOT NULL,
  price       numeric(38, 18) NOT NULL,
  quantity    numeric(38, 18) NOT NULL,
  filled      numeric(38, 18) NOT NULL,
  hold        numeric(38, 18) NOT NULL,
  PRIMARY KEY (snapshot_id, order_id)
);

-- Takes a snapshot: in a transaction that sees one moment, and locks nothing that a worker writes.
CREATE FUNCTION ledger.take_snapshot(snapshot_topic text, actor text, why text)
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
  INSERT INTO ledger.snapshots (topic, actor, why, batch, seqs)
    SELECT snapshot_topic, take_snapshot.actor, take_snapshot.why, coalesce(max(e.batch), 0),
           coalesce(jsonb_object_agg(p.partition, p.event_seq), '{}')
      FROM ledger.partitions AS p LEFT JOIN ledger.events AS e ON e.partition = p.partition AND e.seq = p.event_seq
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

-- Drops all but the newest snapshots; answers how many.
CREATE FUNCTION ledger.drop_snapshots(snapshot_topic text, keep integer)
RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  old bigint[];
BEGIN
  IF keep < 1 THEN
    RAISE EXCEPTION 'at least one snapshot is kept' USING ERRCODE = '22023';
  END IF;
  SELECT array_agg(id) INTO old
    FROM (SELECT id FROM ledger.snapshots WHERE topic = snapshot_topic ORDER BY id DESC OFFSET keep) AS older;
  DELETE FROM ledger.snapshot_balances WHERE snapshot_id = ANY (old);
  DELETE FROM ledger.snapshot_orders WHERE snapshot_id = ANY (old);
  DELETE FROM ledger.snapshots WHERE id = ANY (old);
  RETURN coalesce(cardinality(old), 0);
END
$$;

-- Sets partitions back each to its own offset, for the monitor: one that stands before it already is
-- left. Nothing that was applied changes; see ledger.rewind_partitions, which keeps the audit.
CREATE FUNCTION ledger.replay_partitions(
  replay_topic text, replay_partitions integer[], to_offsets bigint[], actor text, why text
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  wanted record;
BEGIN
  FOR wanted IN
    SELECT p.partition, mine.to_offset FROM unnest(replay_partitions, to_offsets) AS mine (partition, to_offset)
      JOIN ledger.partitions AS p ON p.topic = replay_topic AND p.partition = mine.partition
      WHERE p.next_offset > mine.to_offset ORDER BY p.partition FOR UPDATE OF p
  LOOP
    PERFORM ledger.rewind_partitions(replay_topic, ARRAY[wanted.partition], wanted.to_offset, actor, why);
  END LOOP;
END
$$;

-- Where history is decided again: the state as the events tell it beside the state as the rules of
-- now give it. What is only needed while a run is under way is not logged; differences stay.
CREATE SCHEMA dry_run;
CREATE UNLOGGED TABLE dry_run.runs (
  run        uuid PRIMARY KEY,
  state      jsonb NOT NULL,
  started_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNLOGGED TABLE dry_run.balances (
  run             uuid NOT NULL,
  user_id         text COLLATE "C" NOT NULL,
  asset           text COLLATE "C" NOT NULL,
  told_available  numeric NOT NULL,
  told_held       numeric NOT NULL,
  again_available numeric NOT NULL,
  again_held      numeric NOT NULL,
  PRIMARY KEY (run, user_id, asset)
);
CREATE UNLOGGED TABLE dry_run.orders (
  run      uuid NOT NULL,
  order_id text COLLATE "C" NOT NULL,
  told     jsonb,
  again    jsonb,
  PRIMARY KEY (run, order_id)
);
CREATE UNLOGGED TABLE dry_run.trades (
  run      uuid NOT NULL,
  symbol   text COLLATE "C" NOT NULL,
  trade_id text COLLATE "C" NOT NULL,
  PRIMARY KEY (run, symbol, trade_id)
);
CREATE TABLE dry_run.differences (
  run   uuid NOT NULL,
  kind  text NOT NULL CHECK (kind IN ('event', 'order', 'balance')),
  key   text COLLATE "C" NOT NULL,
  told  jsonb,
  again jsonb,
  PRIMARY KEY (run, kind, key)
);

REVOKE EXECUTE ON FUNCTION ledger.expect_unarchived, ledger.archive_receipts, ledger.forget_receipts,
  ledger.take_snapshot, ledger.drop_snapshots, ledger.replay_partitions FROM PUBLIC;
GRANT SELECT ON ledger.receipt_archive, ledger.retention TO tradestream_worker;
GRANT EXECUTE ON FUNCTION ledger.expect_unarchived TO tradestream_worker;
GRANT SELECT ON ledger.every_receipt TO tradestream_gateway;
GRANT SELECT ON ledger.receipt_archive, ledger.retention, ledger.every_receipt, ledger.snapshots,
  ledger.snapshot_balances, ledger.snapshot_orders TO tradestream_monitor;
GRANT EXECUTE ON FUNCTION ledger.archive_receipts, ledger.forget_receipts, ledger.take_snapshot,
  ledger.drop_snapshots, ledger.replay_partitions TO tradestream_monitor;
GRANT USAGE ON SCHEMA dry_run TO tradestream_monitor;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA dry_run TO tradestream_monitor;
