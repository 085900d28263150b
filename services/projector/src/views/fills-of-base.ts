/**
 * The fills of trades whose events a snapshot holds, with the places of these events: fills are never
 * changed, so those that are read are those of then. Parameters as `ViewBase` has them.
 */
export const FILLS_OF_BASE = `
  SELECT f.*, t.partition AS event_partition, t.seq AS event_seq
  FROM ledger.trades AS t
  JOIN unnest($2::int[], $3::bigint[]) AS cut (partition, seq) ON cut.partition = t.partition AND t.seq <= cut.seq
  JOIN views.fills AS f ON f.symbol = t.symbol AND f.trade_id = t.trade_id
  WHERE $1::bigint IS NOT NULL`;
