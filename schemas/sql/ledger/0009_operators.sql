-- What operators look for: the intents that a parked record has had, and what is still parked, the
-- longest first.
CREATE INDEX intents_parked ON ledger.intents (parked_id, id);
CREATE INDEX parked_open ON ledger.parked (id) WHERE status = 'parked';
