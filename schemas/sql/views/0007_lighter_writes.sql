-- An index on the status makes each change of it write every index of the row anew. Orders of one status,
-- newest first, are found by their time.
DROP INDEX views.orders_status_placed_at;
CREATE INDEX orders_placed_at ON views.orders (placed_at);

-- Moves positions from where they are believed to be, or none: a position that another moved or that was
-- replaced is waited for, and not found. Rows are met in the order of their key: the session reads them by
-- it (`enable_seqscan` is off). A lock taken before the update was one more record for each to replay.
CREATE OR REPLACE FUNCTION views.move_positions(
  projections text[], versions integer[], partitions integer[], from_seqs bigint[], from_offsets bigint[],
  to_seqs bigint[], to_offsets bigint[], to_timelines integer[]
) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  moved integer;
BEGIN
  UPDATE views.positions AS p SET seq = mine.to_seq, next_offset = mine.to_offset, timeline = mine.to_timeline
    FROM (
      SELECT * FROM unnest(projections, versions, partitions, from_seqs, from_offsets, to_seqs, to_offsets, to_timelines)
        AS given (projection, version, partition, from_seq, from_offset, to_seq, to_offset, to_timeline)
      ORDER BY projection, version, partition) AS mine
    WHERE p.projection = mine.projection AND p.version = mine.version AND p.partition = mine.partition
      AND p.seq = mine.from_seq AND p.next_offset = mine.from_offset;
  GET DIAGNOSTICS moved = ROW_COUNT;
  IF moved <> cardinality(partitions) THEN
    RAISE EXCEPTION '% of % positions have moved', cardinality(partitions) - moved, cardinality(partitions)
      USING ERRCODE = 'TS002';
  END IF;
END
$$;
