-- Sets partitions of the commands topic back, so that their records are read again: each keeps the
-- outcome that it has. The owner is fenced, the record before the new offset is not remembered, and
-- what was done, by whom and why is kept. Only a role that owns the ledger may call it; the whole
-- procedure is in docs/operations/rewind.md.
CREATE FUNCTION ledger.rewind_partitions(
  rewind_topic text, rewind_partitions integer[], to_offset bigint, actor text, why text
) RETURNS SETOF ledger.partitions
LANGUAGE plpgsql AS $$
DECLARE
  wanted ledger.partitions;
BEGIN
  IF to_offset < 0 OR trim(actor) = '' OR trim(why) = '' THEN
    RAISE EXCEPTION 'a rewind needs an offset of 0 or more, an actor and a reason' USING ERRCODE = '22023';
  END IF;
  FOR wanted IN
    SELECT p.* FROM ledger.partitions AS p
      WHERE p.topic = rewind_topic AND p.partition = ANY (rewind_partitions) ORDER BY p.partition FOR UPDATE
  LOOP
    IF wanted.next_offset < to_offset THEN
      RAISE EXCEPTION 'partition % stands at % and cannot be set forward to %', wanted.partition, wanted.next_offset, to_offset
        USING ERRCODE = '22023';
    END IF;
    INSERT INTO ledger.audit (actor, action, why, details) VALUES (
      actor, 'REWIND_PARTITION', why,
      jsonb_build_object('topic', rewind_topic, 'partition', wanted.partition, 'fromOffset', wanted.next_offset,
        'toOffset', to_offset, 'epoch', wanted.epoch, 'owner', wanted.owner, 'lastHash', encode(wanted.last_hash, 'hex'))
    );
  END LOOP;
  RETURN QUERY
    UPDATE ledger.partitions AS p SET
      next_offset = to_offset, last_hash = NULL, epoch = p.epoch + 1, owner = NULL, owner_pid = NULL,
      deaths = 0, singly_until = 0, single_offset = NULL, single_attempts = 0
    WHERE p.topic = rewind_topic AND p.partition = ANY (rewind_partitions)
    RETURNING p.*;
END
$$;
REVOKE EXECUTE ON FUNCTION ledger.rewind_partitions FROM PUBLIC;
