-- Writes that must move an exact count of rows. They raise inside the server, with SQLSTATEs of
-- our own, so that a COMMIT pipelined behind them answers ROLLBACK:
--   TS001 fenced: another epoch owns the partition      TS002 offset moved under the same epoch
--   TS003 version stale: a cached value is not the row's

-- Takes ownership of partitions, in order, making their rows where they are absent. A partition
-- claimed again at the same offset without a release in between has seen its owner die there.
CREATE FUNCTION ledger.claim(claim_topic text, claim_partitions integer[], claim_owner text, singly_after integer, singly_count integer)
RETURNS SETOF ledger.partitions
LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO ledger.partitions (topic, partition)
    SELECT claim_topic, wanted FROM unnest(claim_partitions) AS wanted ORDER BY wanted
    ON CONFLICT DO NOTHING;
  PERFORM 1 FROM ledger.partitions
    WHERE topic = claim_topic AND partition = ANY (claim_partitions) ORDER BY partition FOR UPDATE;
  RETURN QUERY
    UPDATE ledger.partitions AS p SET
      epoch = p.epoch + 1,
      owner = claim_owner,
      owner_pid = pg_backend_pid(),
      claimed_at = clock_timestamp(),
      claimed_offset = p.next_offset,
      deaths = CASE
        WHEN p.owner = claim_owner THEN p.deaths
        WHEN p.owner IS NOT NULL AND p.claimed_offset = p.next_offset THEN p.deaths + 1
        ELSE 0 END,
      singly_until = CASE
        WHEN p.owner <> claim_owner AND p.claimed_offset = p.next_offset AND p.deaths + 1 >= singly_after
        THEN p.next_offset + singly_count ELSE p.singly_until END
    WHERE p.topic = claim_topic AND p.partition = ANY (claim_partitions)
    RETURNING p.*;
END
$$;

-- Claims again what this owner still holds, and only that: whose epoch moved has a new owner. It
-- waits behind a transaction in doubt, so that what it answers is final.
CREATE FUNCTION ledger.claim_again(claim_topic text, claim_partitions integer[], epochs bigint[])
RETURNS SETOF ledger.partitions
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM 1 FROM ledger.partitions
    WHERE topic = claim_topic AND partition = ANY (claim_partitions) ORDER BY partition FOR UPDATE;
  RETURN QUERY
    UPDATE ledger.partitions AS p SET
      epoch = p.epoch + 1,
      owner_pid = pg_backend_pid(),
      claimed_at = clock_timestamp(),
      claimed_offset = p.next_offset
    FROM unnest(claim_partitions, epochs) AS mine (partition, epoch)
    WHERE p.topic = claim_topic AND p.partition = mine.partition AND p.epoch = mine.epoch
    RETURNING p.*;
END
$$;

-- Gives partitions back: their next claim is no sign of a death.
CREATE FUNCTION ledger.release(release_topic text, release_partitions integer[], release_epochs bigint[])
RETURNS void
LANGUAGE sql AS $$
  UPDATE ledger.partitions AS p SET owner = NULL, owner_pid = NULL
  FROM unnest(release_partitions, release_epochs) AS mine (partition, epoch)
  WHERE p.topic = release_topic AND p.partition = mine.partition AND p.epoch = mine.epoch;
$$;

-- Says which of three things is wrong with a partition that did not move.
CREATE FUNCTION ledger.refuse_move(move_topic text, move_partitions integer[], epochs bigint[])
RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  lost integer[];
BEGIN
  SELECT array_agg(mine.partition ORDER BY mine.partition) INTO lost
    FROM unnest(move_partitions, epochs) AS mine (partition, epoch)
    LEFT JOIN ledger.partitions AS p ON p.topic = move_topic AND p.partition = mine.partition
    WHERE p.epoch IS DISTINCT FROM mine.epoch;
  IF lost IS NOT NULL THEN
    RAISE EXCEPTION 'partitions % have another owner', lost USING ERRCODE = 'TS001';
  END IF;
  RAISE EXCEPTION 'the offset or event sequence of a partition moved under its own epoch' USING ERRCODE = 'TS002';
END
$$;

-- Locks the partitions of a batch and checks that this owner may go on from where it believes.
CREATE FUNCTION ledger.lock_partitions(lock_topic text, lock_partitions integer[], epochs bigint[], from_offsets bigint[])
RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  locked integer;
BEGIN
  PERFORM 1
    FROM unnest(lock_partitions, epochs, from_offsets) AS mine (partition, epoch, from_offset)
    JOIN ledger.partitions AS p ON p.topic = lock_topic AND p.partition = mine.partition
      AND p.epoch = mine.epoch AND p.next_offset = mine.from_offset
    FOR UPDATE OF p;
  GET DIAGNOSTICS locked = ROW_COUNT;
  IF locked <> cardinality(lock_partitions) THEN
    PERFORM ledger.refuse_move(lock_topic, lock_partitions, epochs);
  END IF;
END
$$;

-- The fence: moves offset and event sequence of the batch's partitions, only for their owner and
-- only from where it believes them to be.
CREATE FUNCTION ledger.move_partitions(
  move_topic text, move_partitions integer[], epochs bigint[], from_offsets bigint[], to_offsets bigint[],
  last_hashes bytea[], from_seqs bigint[], to_seqs bigint[], published_seqs bigint[]
) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  moved integer;
BEGIN
  UPDATE ledger.partitions AS p SET
    next_offset = mine.to_offset,
    last_hash = mine.last_hash,
    event_seq = mine.to_seq,
    published_seq = greatest(p.published_seq, mine.published_seq),
    deaths = 0,
    single_offset = NULL,
    single_attempts = 0
  FROM unnest(move_partitions, epochs, from_offsets, to_offsets, last_hashes, from_seqs, to_seqs, published_seqs)
    AS mine (partition, epoch, from_offset, to_offset, last_hash, from_seq, to_seq, published_seq)
  WHERE p.topic = move_topic AND p.partition = mine.partition AND p.epoch = mine.epoch
    AND p.next_offset = mine.from_offset AND p.event_seq = mine.from_seq;
  GET DIAGNOSTICS moved = ROW_COUNT;
  IF moved <> cardinality(move_partitions) THEN
    PERFORM ledger.refuse_move(move_topic, move_partitions, epochs);
  END IF;
END
$$;

-- Marks, before it runs, that the record at the partition's next offset is tried alone; answers how
-- often it was. A record that ends its process each time is known by this count.
CREATE FUNCTION ledger.mark_single(mark_topic text, mark_partition integer, mark_epoch bigint, mark_offset bigint)
RETURNS integer
LANGUAGE sql AS $$
  UPDATE ledger.partitions AS p SET
    single_attempts = CASE WHEN p.single_offset = mark_offset THEN p.single_attempts + 1 ELSE 1 END,
    single_offset = mark_offset
  WHERE p.topic = mark_topic AND p.partition = mark_partition AND p.epoch = mark_epoch AND p.next_offset <= mark_offset
  RETURNING p.single_attempts;
$$;

-- Marks that the relay has published up to these sequences; a stale owner's mark is dropped.
CREATE FUNCTION ledger.mark_published(mark_topic text, mark_partitions integer[], epochs bigint[], seqs bigint[])
RETURNS void
LANGUAGE sql AS $$
  UPDATE ledger.partitions AS p SET published_seq = greatest(p.published_seq, mine.seq)
  FROM unnest(mark_partitions, epochs, seqs) AS mine (partition, epoch, seq)
  WHERE p.topic = mark_topic AND p.partition = mine.partition AND p.epoch = mine.epoch;
$$;

-- Writes orders as final values where their version is still the one that was read. An order that
-- was only read comes with its own version and is locked and compared all the same.
CREATE FUNCTION ledger.write_orders(
  order_ids text[], from_versions bigint[], to_versions bigint[], prices numeric[], quantities numeric[],
  filleds numeric[], holds numeric[], statuses ledger.order_status[]
) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  written integer;
BEGIN
  UPDATE ledger.orders AS o SET
    version = mine.to_version, price = mine.price, quantity = mine.quantity,
    filled = mine.filled, hold = mine.hold, status = mine.status
  FROM unnest(order_ids, from_versions, to_versions, prices, quantities, filleds, holds, statuses)
    AS mine (order_id, from_version, to_version, price, quantity, filled, hold, status)
  WHERE o.order_id = mine.order_id AND o.version = mine.from_version;
  GET DIAGNOSTICS written = ROW_COUNT;
  IF written <> cardinality(order_ids) THEN
    RAISE EXCEPTION '% of % orders have another version', cardinality(order_ids) - written, cardinality(order_ids)
      USING ERRCODE = 'TS003';
  END IF;
END
$$;

CREATE FUNCTION ledger.write_balances(
  user_ids text[], assets text[], from_versions bigint[], to_versions bigint[], availables numeric[], helds numeric[]
) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  written integer;
BEGIN
  UPDATE ledger.balances AS b SET version = mine.to_version, available = mine.available, held = mine.held
  FROM unnest(user_ids, assets, from_versions, to_versions, availables, helds)
    AS mine (user_id, asset, from_version, to_version, available, held)
  WHERE b.user_id = mine.user_id AND b.asset = mine.asset AND b.version = mine.from_version;
  GET DIAGNOSTICS written = ROW_COUNT;
  IF written <> cardinality(user_ids) THEN
    RAISE EXCEPTION '% of % balances have another version', cardinality(user_ids) - written, cardinality(user_ids)
      USING ERRCODE = 'TS003';
  END IF;
END
$$;

-- A refusal that would have read otherwise had this order or trade been there.
CREATE FUNCTION ledger.expect_absent(order_ids text[], symbols text[], trade_ids text[])
RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM ledger.orders WHERE order_id = ANY (order_ids))
    OR EXISTS (SELECT FROM unnest(symbols, trade_ids) AS mine (symbol, trade_id)
               JOIN ledger.trades AS t ON t.symbol = mine.symbol AND t.trade_id = mine.trade_id) THEN
    RAISE EXCEPTION 'an order or trade that was taken for absent exists' USING ERRCODE = 'TS003';
  END IF;
END
$$;
