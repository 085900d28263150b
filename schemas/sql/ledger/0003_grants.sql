-- Least privilege: nobody deletes, only the worker writes, and the history has no UPDATE at all.
GRANT USAGE ON SCHEMA ledger TO tradestream_worker, tradestream_projector, tradestream_gateway, tradestream_monitor;
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA ledger FROM PUBLIC;

GRANT SELECT, INSERT ON ledger.receipts, ledger.events, ledger.conflicts, ledger.trades, ledger.schemas,
  ledger.deadlocks TO tradestream_worker;
GRANT SELECT, INSERT, UPDATE ON ledger.partitions, ledger.balances, ledger.orders, ledger.parked TO tradestream_worker;
GRANT UPDATE (outcome, reason, batch, index, seq) ON ledger.receipts TO tradestream_worker;
GRANT USAGE ON SEQUENCE ledger.batch_number TO tradestream_worker;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA ledger TO tradestream_worker;

GRANT SELECT ON ledger.events, ledger.partitions TO tradestream_projector;
GRANT SELECT ON ledger.receipts, ledger.conflicts, ledger.parked, ledger.events, ledger.partitions, ledger.schemas
  TO tradestream_gateway;
GRANT SELECT ON ALL TABLES IN SCHEMA ledger TO tradestream_monitor;
GRANT INSERT ON ledger.audit TO tradestream_monitor;
