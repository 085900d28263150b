-- The ledger: what the worker writes, in one transaction a batch. Text keys compare as bytes
-- (COLLATE "C"): they are ids, not words, and that order is the lock order of every writer.
DO $$
DECLARE
  wanted text;
BEGIN
  FOREACH wanted IN ARRAY ARRAY['tradestream_worker', 'tradestream_projector', 'tradestream_gateway', 'tradestream_monitor'] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
      EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
    END IF;
  END LOOP;
END
$$;

CREATE SCHEMA IF NOT EXISTS ledger;

-- The history order of batches. Taken when every lock of the batch is held; gaps mean nothing.
CREATE SEQUENCE ledger.batch_number;

CREATE TYPE ledger.outcome AS ENUM ('applied', 'rejected', 'parked', 'discarded');
CREATE TYPE ledger.side AS ENUM ('buy', 'sell');
CREATE TYPE ledger.order_status AS ENUM ('open', 'partially_filled', 'filled', 'cancelled');

-- One row a partition of the commands topic: the lock that makes its owner the only writer.
CREATE TABLE ledger.partitions (
  topic           text COLLATE "C" NOT NULL,
  partition       integer NOT NULL CHECK (partition >= 0),
  next_offset     bigint NOT NULL DEFAULT 0 CHECK (next_offset >= 0),
  last_hash       bytea,
  event_seq       bigint NOT NULL DEFAULT 0 CHECK (event_seq >= 0),
  published_seq   bigint NOT NULL DEFAULT 0 CHECK (published_seq >= 0),
  epoch           bigint NOT NULL DEFAULT 0,
  owner           text,
  owner_pid       integer,
  claimed_at      timestamptz,
  claimed_offset  bigint,
  deaths          integer NOT NULL DEFAULT 0,
  singly_until    bigint NOT NULL DEFAULT 0,
  single_offset   bigint,
  single_attempts integer NOT NULL DEFAULT 0,
  PRIMARY KEY (topic, partition),
  CHECK (published_seq <= event_seq)
) WITH (fillfactor = 20);

-- One row a command id, for ever: its outcome, and where it stood. The event of an applied or
-- rejected command is (partition, seq).
CREATE TABLE ledger.receipts (
  command_id   uuid PRIMARY KEY,
  batch        bigint NOT NULL,
  "offset"     bigint NOT NULL,
  seq          bigint,
  partition    integer NOT NULL,
  index        integer NOT NULL,
  outcome      ledger.outcome NOT NULL,
  payload_hash bytea NOT NULL CHECK (length(payload_hash) = 32),
  reason       text
);

-- A command id that came again with another payload. The first receipt stands.
CREATE TABLE ledger.conflicts (
  topic        text COLLATE "C" NOT NULL,
  partition    integer NOT NULL,
  "offset"     bigint NOT NULL,
  command_id   uuid NOT NULL,
  payload_hash bytea NOT NULL,
  first_hash   bytea NOT NULL,
  recorded_at  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (topic, partition, "offset")
);
CREATE INDEX conflicts_command ON ledger.conflicts (command_id);

-- An event's place is (partition, seq); seq has no gap. The payload is the Avro record as
-- trade-events carries it, without the five bytes of framing.
CREATE TABLE ledger.events (
  seq         bigint NOT NULL,
  batch       bigint NOT NULL,
  occurred_at timestamptz NOT NULL,
  command_id  uuid NOT NULL,
  partition   integer NOT NULL,
  timeline    integer NOT NULL,
  index       integer NOT NULL,
  schema_id   integer NOT NULL,
  type        text COLLATE "C" NOT NULL,
  key         text COLLATE "C" NOT NULL,
  payload     bytea NOT NULL,
  traceparent text,
  PRIMARY KEY (partition, seq)
);
ALTER TABLE ledger.events ALTER COLUMN payload SET STORAGE EXTERNAL;

CREATE TABLE ledger.balances (
  version   bigint NOT NULL,
  user_id   text COLLATE "C" NOT NULL,
  asset     text COLLATE "C" NOT NULL,
  available numeric(38, 18) NOT NULL CHECK (available >= 0),
  held      numeric(38, 18) NOT NULL CHECK (held >= 0),
  PRIMARY KEY (user_id, asset),
  CHECK (available + held < 100000000000000000000)
) WITH (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);

CREATE TABLE ledger.orders (
  version  bigint NOT NULL,
  side     ledger.side NOT NULL,
  status   ledger.order_status NOT NULL,
  order_id text COLLATE "C" NOT NULL,
  user_id  text COLLATE "C" NOT NULL,
  symbol   text COLLATE "C" NOT NULL,
  price    numeric(38, 18) NOT NULL CHECK (price > 0),
  quantity numeric(38, 18) NOT NULL CHECK (quantity > 0),
  filled   numeric(38, 18) NOT NULL CHECK (filled >= 0 AND filled <= quantity),
  hold     numeric(38, 18) NOT NULL CHECK (hold >= 0),
  PRIMARY KEY (order_id)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);

CREATE TABLE ledger.trades (
  seq       bigint NOT NULL,
  partition integer NOT NULL,
  symbol    text COLLATE "C" NOT NULL,
  trade_id  text COLLATE "C" NOT NULL,
  PRIMARY KEY (symbol, trade_id)
);

-- Records set aside whole. `blocks_key`: later commands of the key queue behind it, in order.
CREATE TABLE ledger.parked (
  id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  topic        text COLLATE "C" NOT NULL,
  partition    integer NOT NULL,
  "offset"     bigint NOT NULL,
  record_time  timestamptz NOT NULL,
  key          bytea,
  value        bytea,
  headers      jsonb NOT NULL DEFAULT '[]',
  sha256       bytea,
  reason       text NOT NULL,
  message      text NOT NULL,
  command_id   uuid,
  blocks_key   boolean NOT NULL,
  attempts     integer NOT NULL DEFAULT 1,
  status       text NOT NULL DEFAULT 'parked' CHECK (status IN ('parked', 'applied', 'rejected', 'discarded')),
  parked_at    timestamptz NOT NULL DEFAULT now(),
  copied_at    timestamptz,
  UNIQUE (topic, partition, "offset")
);
CREATE INDEX parked_blocking ON ledger.parked (topic, partition, key) WHERE blocks_key AND status = 'parked';
CREATE INDEX parked_uncopied ON ledger.parked (topic, partition, "offset") WHERE copied_at IS NULL;
CREATE INDEX parked_command ON ledger.parked (command_id) WHERE command_id IS NOT NULL;

-- Deadlocks and serialization failures that were retried, kept for the operator.
CREATE TABLE ledger.deadlocks (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  occurred_at timestamptz NOT NULL DEFAULT now(),
  owner       text NOT NULL,
  sqlstate    text NOT NULL,
  detail      text NOT NULL,
  command_ids uuid[] NOT NULL
);

-- Every schema that was used, by its id in the registry: a registry that lost its memory is an
-- outage, not poison.
CREATE TABLE ledger.schemas (
  id            integer PRIMARY KEY,
  schema        text NOT NULL,
  first_used_at timestamptz NOT NULL DEFAULT now()
);

-- What an operator did, when and why. Append only.
CREATE TABLE ledger.audit (
  id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at      timestamptz NOT NULL DEFAULT now(),
  actor   text NOT NULL,
  action  text NOT NULL,
  why     text NOT NULL,
  details jsonb NOT NULL DEFAULT '{}'
);
