/** Breaks one thing; `sql` answers, as `named`, with what the contradiction must name. */
type Break = readonly [fact: string, invariant: string, sql: string];

/** The partition of the poison; nothing is broken on the topics of it. */
export const QUIET = 2;

const SOME_EVENT = `(SELECT e.* FROM ledger.events AS e WHERE type = 'OrderPlaced' AND seq > 5 ORDER BY partition, seq LIMIT 1)`;

/** Everything that can contradict in rows alone. */
export const BREAKS: readonly Break[] = [
  [
    'money from nowhere breaks conservation, and the balance is named too',
    'conservation',
    `UPDATE ledger.balances SET available = available + 1 WHERE (user_id, asset) = (SELECT user_id, asset FROM ledger.balances ORDER BY 1, 2 LIMIT 1)
     RETURNING 'of ' || asset || ' the users own' AS named`,
  ],
  [
    'a lost balance breaks conservation',
    'conservation',
    `DELETE FROM ledger.balances WHERE (user_id, asset) = (SELECT user_id, asset FROM ledger.balances WHERE available > 0 ORDER BY 1, 2 LIMIT 1)
     RETURNING 'of ' || asset || ' the users own' AS named`,
  ],
  [
    'money moved between users leaves the sum and contradicts the events',
    'state',
    `WITH two AS (SELECT user_id, asset, row_number() OVER (ORDER BY user_id) AS n FROM ledger.balances WHERE asset = 'USD' AND available > 1 LIMIT 2)
     UPDATE ledger.balances AS b SET available = available + CASE n WHEN 1 THEN 1 ELSE -1 END FROM two
     WHERE b.user_id = two.user_id AND b.asset = two.asset RETURNING 'ledger.balances: ' AS named`,
  ],
  [
    'an order whose status no event gave contradicts the events',
    'state',
    `UPDATE ledger.orders SET status = 'cancelled' WHERE order_id = (SELECT order_id FROM ledger.orders WHERE status = 'open' ORDER BY 1 LIMIT 1)
     RETURNING 'ledger.orders: ' || order_id || ': status is cancelled, not open' AS named`,
  ],
  [
    'an order that no event placed is named',
    'state',
    `INSERT INTO ledger.orders (order_id, user_id, symbol, side, price, quantity, filled, hold, status, version)
     VALUES ('invented', 'u', 'BTC-USD', 'buy', 1, 1, 0, 1, 'open', 1) RETURNING 'ledger.orders: invented' AS named`,
  ],
  [
    'an order that is gone is named',
    'state',
    `DELETE FROM ledger.orders WHERE order_id = (SELECT min(order_id) FROM ledger.orders) RETURNING 'ledger.orders: ' || order_id || ' is missing' AS named`,
  ],
  [
    'a trade row that names another event is named',
    'state',
    `UPDATE ledger.trades SET seq = seq + 1 WHERE (symbol, trade_id) = (SELECT symbol, trade_id FROM ledger.trades ORDER BY 1, 2 LIMIT 1)
     RETURNING 'ledger.trades: ' || trade_id || ' of ' || symbol AS named`,
  ],
  [
    'a trade row that is gone is counted',
    'state',
    `WITH gone AS (DELETE FROM ledger.trades WHERE (symbol, trade_id) = (SELECT symbol, trade_id FROM ledger.trades ORDER BY 1, 2 LIMIT 1) RETURNING 1)
     SELECT 'the events execute ' || count(*) AS named FROM ledger.trades`,
  ],
  [
    'a gap in the events of a partition is named',
    'sequence',
    `DELETE FROM ledger.events AS e USING ${SOME_EVENT} AS s WHERE e.partition = s.partition AND e.seq = s.seq
     RETURNING 'event ' || e.partition || '/' || (e.seq + 1) AS named`,
  ],
  [
    'a lost last event is named',
    'sequence',
    `DELETE FROM ledger.events AS e USING ledger.partitions AS p WHERE p.partition = e.partition AND p.event_seq = e.seq AND e.partition = ${QUIET}
     RETURNING 'partition ' || e.partition || ' stands at seq ' || e.seq AS named`,
  ],
  [
    'an event moved to another batch breaks the order of its partition',
    'sequence',
    `UPDATE ledger.events AS e SET batch = 1000000 FROM ${SOME_EVENT} AS s WHERE e.partition = s.partition AND e.seq = s.seq
     RETURNING 'event ' || e.partition || '/' || (e.seq + 1) AS named`,
  ],
  [
    'an event that claims another command is named',
    'history',
    `UPDATE ledger.events AS e SET command_id = gen_random_uuid() FROM ${SOME_EVENT} AS s WHERE e.partition = s.partition AND e.seq = s.seq
     RETURNING 'event ' || e.partition || '/' || e.seq AS named`,
  ],
  [
    'an event whose bytes cannot be read is named',
    'history',
    `UPDATE ledger.events AS e SET payload = '\\x00' FROM ${SOME_EVENT} AS s WHERE e.partition = s.partition AND e.seq = s.seq
     RETURNING 'event ' || e.partition || '/' || e.seq AS named`,
  ],
  [
    'an event under another key is named',
    'history',
    `UPDATE ledger.events AS e SET key = 'user:nobody' FROM ${SOME_EVENT} AS s WHERE e.partition = s.partition AND e.seq = s.seq
     RETURNING 'event ' || e.partition || '/' || e.seq AS named`,
  ],
  [
    'an event without receipt is named',
    'receipts',
    `DELETE FROM ledger.receipts AS r USING ${SOME_EVENT} AS s WHERE r.command_id = s.command_id RETURNING '(command ' || r.command_id || ') has no receipt' AS named`,
  ],
  [
    'a receipt with another outcome than its event is named',
    'receipts',
    `UPDATE ledger.receipts AS r SET outcome = 'rejected', reason = 'SELF_TRADE' FROM ${SOME_EVENT} AS s WHERE r.command_id = s.command_id
     RETURNING '(command ' || r.command_id || ') says rejected SELF_TRADE' AS named`,
  ],
  [
    'a receipt with the hash of another payload is named',
    'receipts',
    `UPDATE ledger.receipts AS r SET payload_hash = sha256('x') FROM ${SOME_EVENT} AS s WHERE r.command_id = s.command_id
     RETURNING '(command ' || r.command_id || ') has the hash of another payload' AS named`,
  ],
  [
    'a receipt that points to the event of another command is named',
    'receipts',
    `UPDATE ledger.receipts AS r SET seq = r.seq + 1 FROM ${SOME_EVENT} AS s WHERE r.command_id = s.command_id
     RETURNING '(command ' || r.command_id || ') names another event' AS named`,
  ],
  [
    'a receipt that says parked while its event stands is named',
    'receipts',
    `UPDATE ledger.receipts AS r SET outcome = 'parked', reason = 'COMMAND_FAILED' FROM ${SOME_EVENT} AS s WHERE r.command_id = s.command_id
     RETURNING '(command ' || r.command_id || ') says parked' AS named`,
  ],
  [
    'a receipt at a place of another record is named',
    'one outcome',
    `UPDATE ledger.receipts AS r SET "offset" = r."offset" + 1 FROM ${SOME_EVENT} AS s WHERE r.command_id = s.command_id
     RETURNING r.command_id::text AS named`,
  ],
  [
    'a receipt beyond the end of the log is named',
    'one outcome',
    `UPDATE ledger.receipts AS r SET "offset" = 1000000 FROM ${SOME_EVENT} AS s WHERE r.command_id = s.command_id
     RETURNING 'there is an outcome for 1000000' AS named`,
  ],
  [
    'a receipt that no event and no record made is named',
    'receipts',
    `INSERT INTO ledger.receipts (command_id, batch, "offset", seq, partition, index, outcome, payload_hash)
     SELECT gen_random_uuid(), 1, place, 1000000, p.partition, 0, 'applied', sha256('x')
     FROM ledger.partitions AS p, generate_series(0, p.next_offset - 1) AS place
     WHERE NOT EXISTS (SELECT FROM ledger.receipts AS r WHERE r.partition = p.partition AND r."offset" = place)
       AND NOT EXISTS (SELECT FROM ledger.conflicts AS c WHERE c.partition = p.partition AND c."offset" = place)
       AND NOT EXISTS (SELECT FROM ledger.parked AS k WHERE k.partition = p.partition AND k."offset" = place)
     ORDER BY p.partition, place LIMIT 1
     RETURNING 'the receipt at its place is of command ' || command_id AS named`,
  ],
  [
    'a conflict that was not recorded is named',
    'one outcome',
    `DELETE FROM ledger.conflicts WHERE command_id = (SELECT command_id FROM ledger.conflicts ORDER BY 1 LIMIT 1)
     RETURNING 'offset ' || "offset" || ' (command ' || command_id || ') has another payload' AS named`,
  ],
  [
    'a conflict where the log has a duplicate is named',
    'one outcome',
    `UPDATE ledger.conflicts SET payload_hash = first_hash WHERE command_id = (SELECT command_id FROM ledger.conflicts ORDER BY 1 LIMIT 1)
     RETURNING command_id::text AS named`,
  ],
  [
    'a conflict with another first payload than its receipt is named',
    'one outcome',
    `UPDATE ledger.conflicts SET first_hash = sha256('x') WHERE command_id = (SELECT command_id FROM ledger.conflicts ORDER BY 1 LIMIT 1)
     RETURNING command_id::text AS named`,
  ],
  [
    'an undecodable record that was not parked is named',
    'one outcome',
    `DELETE FROM ledger.parked WHERE id = (SELECT min(id) FROM ledger.parked) RETURNING partition || ' offset ' || "offset" || ' (undecodable) is no command' AS named`,
  ],
  [
    'a parked record with another SHA-256 is named',
    'one outcome',
    `UPDATE ledger.parked SET sha256 = sha256('x') WHERE id = (SELECT min(id) FROM ledger.parked) RETURNING partition || ' offset ' || "offset" AS named`,
  ],
  [
    'a good command that was parked as well is named',
    'one outcome',
    `INSERT INTO ledger.parked (topic, partition, "offset", record_time, key, value, sha256, reason, message, blocks_key)
     SELECT p.topic, r.partition, r."offset", now(), NULL, NULL, NULL, 'MALFORMED', '', false
     FROM ledger.receipts AS r, ledger.parked AS p ORDER BY r.partition, r."offset" LIMIT 1 RETURNING partition || ' offset ' || "offset" AS named`,
  ],
  [
    'a row of views.balances that no event gave is named',
    'views',
    `UPDATE views.balances SET held = held + 1 WHERE (user_id, asset) = (SELECT user_id, asset FROM views.balances ORDER BY 1, 2 LIMIT 1)
     RETURNING 'views.balances: ' || user_id || ' ' || asset AS named`,
  ],
  [
    'a row that views.balances lacks is named',
    'views',
    `DELETE FROM views.balances WHERE (user_id, asset) = (SELECT user_id, asset FROM views.balances ORDER BY 1, 2 LIMIT 1)
     RETURNING 'views.balances: ' || user_id || ' ' || asset || ' is missing' AS named`,
  ],
  [
    'an old value in views.orders is named',
    'views',
    `UPDATE views.orders SET version = version - 1 WHERE id = (SELECT min(id) FROM views.orders WHERE version > 1)
     RETURNING 'views.orders: ' || id || ': version is ' || version AS named`,
  ],
  [
    'a wrong time in views.orders is named',
    'views',
    `UPDATE views.orders SET placed_at = placed_at - interval '1 second' WHERE id = (SELECT min(id) FROM views.orders) RETURNING 'views.orders: ' || id || ': placed_at' AS named`,
  ],
  [
    'a wrong price in views.trades is named',
    'views',
    `UPDATE views.trades SET price = price + 0.000000000000000001 WHERE order_id = (SELECT min(order_id) FROM views.trades)
     RETURNING 'views.trades: order ' || order_id AS named`,
  ],
  [
    'an order that views.trades lacks is named',
    'views',
    `DELETE FROM views.trades WHERE order_id = (SELECT min(order_id) FROM views.trades) RETURNING 'views.trades: order ' || order_id || ' has executed' AS named`,
  ],
  [
    'a wrong fill is named',
    'views',
    `UPDATE views.fills SET cost = cost + 1 WHERE (symbol, trade_id, side) = (SELECT symbol, trade_id, side FROM views.fills ORDER BY 1, 2, 3 LIMIT 1)
     RETURNING 'views.fills: the ' || side || ' of trade ' || trade_id || ' of ' || symbol || ' is not what' AS named`,
  ],
  [
    'a fill that is gone is named',
    'views',
    `DELETE FROM views.fills WHERE (symbol, trade_id, side) = (SELECT symbol, trade_id, side FROM views.fills ORDER BY 1, 2, 3 LIMIT 1)
     RETURNING 'trade ' || trade_id || ' of ' || symbol || ' is missing' AS named`,
  ],
  [
    'a fill that no trade gave is named',
    'views',
    `INSERT INTO views.fills (trade_id, order_id, user_id, symbol, side, price, quantity, cost, timestamp)
     VALUES ('invented', 'o', 'u', 'BTC-USD', 'buy', 1, 1, 1, now()) RETURNING 'trade invented of BTC-USD is none of them' AS named`,
  ],
  [
    'a wrong candle is named',
    'views',
    `UPDATE views.candles SET close = close + 1 WHERE (symbol, minute) = (SELECT symbol, minute FROM views.candles ORDER BY 1, 2 LIMIT 1)
     RETURNING 'views.candles: ' || symbol AS named`,
  ],
  [
    'a candle that is gone is named',
    'views',
    `DELETE FROM views.candles WHERE (symbol, minute) = (SELECT symbol, minute FROM views.candles ORDER BY 1, 2 LIMIT 1)
     RETURNING 'views.candles: ' || symbol AS named`,
  ],
  [
    'a projection that claims to be further than its rows are is named',
    'views',
    `UPDATE views.positions SET seq = seq - 1 WHERE projection = 'balances' AND seq > 0 AND partition = (SELECT min(partition) FROM views.positions WHERE seq > 0)
     RETURNING 'views.balances: ' AS named`,
  ],
  [
    'a projection beyond the end of the ledger is named',
    'views',
    `UPDATE views.positions SET seq = seq + 1000 WHERE projection = 'candles' AND partition = ${QUIET} RETURNING 'projection candles is at seq ' || seq AS named`,
  ],
];
