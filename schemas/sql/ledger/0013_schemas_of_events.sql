-- Schemas of events are kept as those of commands are: projectors read them here when the registry is
-- away, or has forgotten them.
GRANT SELECT ON ledger.schemas TO tradestream_projector;
