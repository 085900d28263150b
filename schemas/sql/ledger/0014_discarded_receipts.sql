-- Receipts of discarded records are archived as well when no event is left to move: a look for them must
-- not read all that was ever parked.
CREATE INDEX parked_discarded ON ledger.parked (topic, partition, "offset") WHERE status = 'discarded';
