-- The read models: what the projector folds from trade-events, for the gateway and its replicas to
-- read. May be another database than the ledger's: nothing here refers to it.
DO $$
DECLARE
  wanted text;
BEGIN
  FOREACH wanted IN ARRAY ARRAY['tradestream_projector', 'tradestream_gateway', 'tradestream_monitor'] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
      EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
    END IF;
  END LOOP;
END
$$;

CREATE SCHEMA IF NOT EXISTS views;

-- How far a projection is: every event of the partition up to seq is in its rows, and every record
-- of the topic below next_offset is one of them. Moves only from the value read, in the transaction
-- that writes the rows. `version` tells a projection from its rebuilt successor beside it.
CREATE TABLE views.positions (
  projection  text COLLATE "C" NOT NULL,
  version     integer NOT NULL CHECK (version > 0),
  partition   integer NOT NULL CHECK (partition >= 0),
  timeline    integer NOT NULL DEFAULT 0 CHECK (timeline >= 0),
  seq         bigint NOT NULL DEFAULT 0 CHECK (seq >= 0),
  next_offset bigint NOT NULL DEFAULT 0 CHECK (next_offset >= 0),
  PRIMARY KEY (projection, version, partition)
) WITH (fillfactor = 20);

-- One row an order that has executed. Sums have no bound, so they are NUMERIC without one: `price`
-- is cost / quantity, rounded half up at 18 decimals.
CREATE TABLE views.trades (
  id         text COLLATE "C" GENERATED ALWAYS AS (order_id) STORED,
  order_id   text COLLATE "C" NOT NULL,
  user_id    text COLLATE "C" NOT NULL,
  symbol     text COLLATE "C" NOT NULL,
  side       text COLLATE "C" NOT NULL CHECK (side IN ('buy', 'sell')),
  quantity   numeric NOT NULL,
  price      numeric NOT NULL,
  timestamp  timestamptz NOT NULL,
  cost       numeric NOT NULL
);
CREATE INDEX trades_symbol_timestamp ON views.trades (symbol, timestamp);
CREATE UNIQUE INDEX trades_order_id ON views.trades (order_id);
CREATE INDEX trades_user_id_timestamp ON views.trades (user_id, timestamp);

-- One row a side of a trade. Pages run newest first, by timestamp and then order_id: few fills
-- share a timestamp, so the indexes end there and the rest is sorted within it.
CREATE TABLE views.fills (
  trade_id  text COLLATE "C" NOT NULL,
  order_id  text COLLATE "C" NOT NULL,
  user_id   text COLLATE "C" NOT NULL,
  symbol    text COLLATE "C" NOT NULL,
  side      text COLLATE "C" NOT NULL CHECK (side IN ('buy', 'sell')),
  price     numeric(38, 18) NOT NULL,
  quantity  numeric(38, 18) NOT NULL,
  cost      numeric(38, 18) NOT NULL,
  timestamp timestamptz NOT NULL,
  PRIMARY KEY (symbol, trade_id, side)
);
CREATE INDEX fills_symbol_timestamp ON views.fills (symbol, timestamp);
CREATE INDEX fills_user_id_timestamp ON views.fills (user_id, timestamp);
CREATE INDEX fills_order_id ON views.fills (order_id);

-- The order after its newest event. `first_version` is the lowest version seen: `placed_at` is that
-- event's time, so it is final once version 1 has come, whatever came before it.
CREATE TABLE views.orders (
  id            text COLLATE "C" PRIMARY KEY,
  user_id       text COLLATE "C" NOT NULL,
  symbol        text COLLATE "C" NOT NULL,
  side          text COLLATE "C" NOT NULL CHECK (side IN ('buy', 'sell')),
  price         numeric(38, 18) NOT NULL,
  quantity      numeric(38, 18) NOT NULL,
  filled        numeric(38, 18) NOT NULL,
  hold          numeric(38, 18) NOT NULL,
  status        text COLLATE "C" NOT NULL CHECK (status IN ('open', 'partially_filled', 'filled', 'cancelled')),
  placed_at     timestamptz NOT NULL,
  updated_at    timestamptz NOT NULL,
  version       bigint NOT NULL,
  first_version bigint NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX orders_symbol_placed_at ON views.orders (symbol, placed_at);
CREATE INDEX orders_user_id_placed_at ON views.orders (user_id, placed_at);
CREATE INDEX orders_status_placed_at ON views.orders (status, placed_at);

CREATE TABLE views.balances (
  version   bigint NOT NULL,
  user_id   text COLLATE "C" NOT NULL,
  asset     text COLLATE "C" NOT NULL,
  available numeric(38, 18) NOT NULL CHECK (available >= 0),
  held      numeric(38, 18) NOT NULL CHECK (held >= 0),
  PRIMARY KEY (user_id, asset)
) WITH (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);

-- One row a symbol and UTC minute. `opened_*` and `closed_*` are the places of the first and the last
-- trade by (executedAt, partition, seq), so that a late trade takes its rightful place.
CREATE TABLE views.candles (
  symbol           text COLLATE "C" NOT NULL,
  minute           timestamptz NOT NULL,
  open             numeric(38, 18) NOT NULL,
  high             numeric(38, 18) NOT NULL,
  low              numeric(38, 18) NOT NULL,
  close            numeric(38, 18) NOT NULL,
  volume           numeric NOT NULL,
  quote_volume     numeric NOT NULL,
  count            bigint NOT NULL,
  opened_at        timestamptz NOT NULL,
  opened_partition integer NOT NULL,
  opened_seq       bigint NOT NULL,
  closed_at        timestamptz NOT NULL,
  closed_partition integer NOT NULL,
  closed_seq       bigint NOT NULL,
  PRIMARY KEY (symbol, minute)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);

-- Moves positions from the values read, all or none. Raises inside the server, so that a COMMIT
-- pipelined behind it answers ROLLBACK: TS002 means that another projector was here.
CREATE FUNCTION views.move_positions(
  projections text[], versions integer[], partitions integer[], from_seqs bigint[], from_offsets bigint[],
  to_seqs bigint[], to_offsets bigint[], to_timelines integer[]
) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  moved integer;
BEGIN
  PERFORM 1
    FROM views.positions AS p
    JOIN unnest(projections, versions, partitions) AS mine (projection, version, partition)
      ON p.projection = mine.projection AND p.version = mine.version AND p.partition = mine.partition
    ORDER BY p.projection, p.version, p.partition
    FOR UPDATE OF p;
  UPDATE views.positions AS p SET seq = mine.to_seq, next_offset = mine.to_offset, timeline = mine.to_timeline
    FROM unnest(projections, versions, partitions, from_seqs, from_offsets, to_seqs, to_offsets, to_timelines)
      AS mine (projection, version, partition, from_seq, from_offset, to_seq, to_offset, to_timeline)
    WHERE p.projection = mine.projection AND p.version = mine.version AND p.partition = mine.partition
      AND p.seq = mine.from_seq AND p.next_offset = mine.from_offset;
  GET DIAGNOSTICS moved = ROW_COUNT;
  IF moved <> cardinality(partitions) THEN
    RAISE EXCEPTION '% of % positions have moved', cardinality(partitions) - moved, cardinality(partitions)
      USING ERRCODE = 'TS002';
  END IF;
END
$$;

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA views FROM PUBLIC;
GRANT USAGE ON SCHEMA views TO tradestream_projector, tradestream_gateway, tradestream_monitor;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA views TO tradestream_projector;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA views TO tradestream_projector;
GRANT SELECT ON ALL TABLES IN SCHEMA views TO tradestream_gateway, tradestream_monitor;
