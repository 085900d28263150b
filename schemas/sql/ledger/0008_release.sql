-- What the owner of a partition needs to release what is parked: by an operator's intent, or because
-- what it waited behind is gone.

-- Processes that began to release a record and left it without an outcome. One that ends its process
-- each time is known by this count; it begins anew with every outcome.
ALTER TABLE ledger.parked ADD COLUMN tries integer NOT NULL DEFAULT 0;

-- The queue of a key, in its order.
CREATE INDEX parked_queue ON ledger.parked (topic, partition, key, "offset") WHERE blocks_key AND status = 'parked';
DROP INDEX ledger.parked_blocking;

-- An intent is of the partition that its record is of: who owns that one executes it.
ALTER TABLE ledger.parked ADD CONSTRAINT parked_by_partition UNIQUE (id, topic, partition);
ALTER TABLE ledger.intents ADD CONSTRAINT intents_of_partition
  FOREIGN KEY (parked_id, topic, partition) REFERENCES ledger.parked (id, topic, partition);

-- Commands that an operator edited and that then got their outcome, once a command id. The receipt
-- keeps the hash of what was sent; this is the hash of what was decided in its place. A later record
-- of the id with either payload is a duplicate, any other is a conflict.
CREATE TABLE ledger.edits (
  command_id    uuid PRIMARY KEY,
  parked_id     bigint NOT NULL REFERENCES ledger.parked,
  intent_id     bigint NOT NULL REFERENCES ledger.intents,
  -- Null where the bytes that were sent are no command; the receipt then has the edited hash.
  original_hash bytea CHECK (length(original_hash) = 32),
  edited_hash   bytea NOT NULL CHECK (length(edited_hash) = 32),
  edited_at     timestamptz NOT NULL DEFAULT now()
);
GRANT SELECT, INSERT ON ledger.edits TO tradestream_worker;
GRANT SELECT ON ledger.edits TO tradestream_gateway, tradestream_monitor;

-- The fence of a batch that takes no record from the log: only event sequences move. Deaths and
-- single tries are left alone, since they speak of the record at the next offset.
CREATE FUNCTION ledger.move_sequences(
  move_topic text, move_partitions integer[], epochs bigint[], at_offsets bigint[], from_seqs bigint[], to_seqs bigint[],
  published_seqs bigint[]
) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  moved integer;
BEGIN
  UPDATE ledger.partitions AS p SET
    event_seq = mine.to_seq,
    published_seq = greatest(p.published_seq, mine.published_seq)
  FROM unnest(move_partitions, epochs, at_offsets, from_seqs, to_seqs, published_seqs)
    AS mine (partition, epoch, at_offset, from_seq, to_seq, published_seq)
  WHERE p.topic = move_topic AND p.partition = mine.partition AND p.epoch = mine.epoch
    AND p.next_offset = mine.at_offset AND p.event_seq = mine.from_seq;
  GET DIAGNOSTICS moved = ROW_COUNT;
  IF moved <> cardinality(move_partitions) THEN
    PERFORM ledger.refuse_move(move_topic, move_partitions, epochs);
  END IF;
END
$$;

-- Moves the receipts of parked commands to what became of them. Batch and index move with an event;
-- what was decided nothing of keeps those of the batch that set it aside.
CREATE FUNCTION ledger.settle_receipts(
  command_ids uuid[], outcomes text[], reasons text[], indexes integer[], seqs bigint[]
) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  written integer;
BEGIN
  UPDATE ledger.receipts AS r SET
    outcome = mine.outcome::ledger.outcome,
    reason = mine.reason,
    batch = CASE WHEN mine.seq IS NULL THEN r.batch ELSE currval('ledger.batch_number') END,
    index = CASE WHEN mine.seq IS NULL THEN r.index ELSE mine.index END,
    seq = mine.seq
  FROM unnest(command_ids, outcomes, reasons, indexes, seqs) AS mine (command_id, outcome, reason, index, seq)
  WHERE r.command_id = mine.command_id AND r.outcome = 'parked';
  GET DIAGNOSTICS written = ROW_COUNT;
  IF written <> cardinality(command_ids) THEN
    RAISE EXCEPTION '% of % commands that are parked have no receipt that says so',
      cardinality(command_ids) - written, cardinality(command_ids);
  END IF;
END
$$;

-- What became of parked records; one that stays parked says anew why, and has been tried once more.
CREATE FUNCTION ledger.settle_parked(
  ids bigint[], statuses text[], reasons text[], messages text[], command_ids uuid[], blocking boolean[], attempts_made integer[]
) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  written integer;
BEGIN
  UPDATE ledger.parked AS k SET
    status = mine.status, reason = mine.reason, message = mine.message, command_id = mine.command_id,
    blocks_key = mine.blocks_key, attempts = k.attempts + mine.attempts, tries = 0
  FROM unnest(ids, statuses, reasons, messages, command_ids, blocking, attempts_made)
    AS mine (id, status, reason, message, command_id, blocks_key, attempts)
  WHERE k.id = mine.id AND k.status = 'parked';
  GET DIAGNOSTICS written = ROW_COUNT;
  IF written <> cardinality(ids) THEN
    RAISE EXCEPTION '% of % parked records are not parked any more', cardinality(ids) - written, cardinality(ids);
  END IF;
END
$$;

-- Gives intents their outcome, and says in the audit what was done for whom, and why.
CREATE FUNCTION ledger.settle_intents(ids bigint[], outcomes text[], messages text[], details text[])
RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  written integer;
BEGIN
  UPDATE ledger.intents AS i SET outcome = mine.outcome, message = mine.message, executed_at = now()
  FROM unnest(ids, outcomes, messages) AS mine (id, outcome, message)
  WHERE i.id = mine.id AND i.executed_at IS NULL;
  GET DIAGNOSTICS written = ROW_COUNT;
  IF written <> cardinality(ids) THEN
    RAISE EXCEPTION '% of % intents were executed before', cardinality(ids) - written, cardinality(ids);
  END IF;
  INSERT INTO ledger.audit (actor, action, why, details)
    SELECT i.actor, upper(i.kind) || '_PARKED', i.why, mine.details::jsonb || jsonb_build_object(
      'intentId', i.id, 'jobId', i.job_id, 'parkedId', i.parked_id, 'outcome', mine.outcome, 'message', mine.message)
    FROM unnest(ids, outcomes, messages, details) AS mine (id, outcome, message, details)
    JOIN ledger.intents AS i ON i.id = mine.id ORDER BY i.id;
END
$$;

REVOKE EXECUTE ON FUNCTION ledger.move_sequences, ledger.settle_receipts, ledger.settle_parked, ledger.settle_intents FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger.move_sequences, ledger.settle_receipts, ledger.settle_parked, ledger.settle_intents
  TO tradestream_worker;
