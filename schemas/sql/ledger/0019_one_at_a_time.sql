-- Of two that reconcile, or put away, at once the second does nothing but load: several monitors begin such
-- work by the same clock. Which one it is is decided here.
UPDATE ledger.jobs AS j SET
  state = 'cancelled', error = 'another one is under way', runner = NULL, lease_until = NULL, finished_at = now()
WHERE j.kind IN ('reconciliation', 'retention') AND j.state IN ('waiting', 'running') AND EXISTS (
  SELECT FROM ledger.jobs AS other WHERE other.kind = j.kind AND other.state IN ('waiting', 'running')
    AND (other.created_at, other.id) < (j.created_at, j.id));
CREATE UNIQUE INDEX jobs_one_at_a_time ON ledger.jobs (kind)
  WHERE kind IN ('reconciliation', 'retention') AND state IN ('waiting', 'running');
