-- What the server said of a deadlock: who waited for whom, at which statement and row, and who the
-- other sessions were. Their partitions and offsets lead to the commands that they were deciding.
ALTER TABLE ledger.deadlocks
  ADD COLUMN lock_detail text NOT NULL DEFAULT '',
  ADD COLUMN lock_context text NOT NULL DEFAULT '',
  ADD COLUMN others jsonb NOT NULL DEFAULT '[]';
