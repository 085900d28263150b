-- Long work: one row a job is the truth of it. Whoever runs it holds a lease and moves `done` as it
-- goes, so that a job run twice, stopped or forgotten by its timer goes on from what stands here.
CREATE TABLE ledger.jobs (
  id               uuid PRIMARY KEY,
  kind             text COLLATE "C" NOT NULL,
  parameters       jsonb NOT NULL DEFAULT '{}',
  state            text NOT NULL DEFAULT 'waiting'
                   CHECK (state IN ('waiting', 'running', 'done', 'failed', 'cancelled')),
  total            bigint,
  done             bigint NOT NULL DEFAULT 0,
  checkpoint       jsonb,
  result           jsonb,
  error            text,
  actor            text NOT NULL,
  why              text NOT NULL,
  runs             integer NOT NULL DEFAULT 0,
  runner           uuid,
  lease_until      timestamptz,
  cancel_requested boolean NOT NULL DEFAULT false,
  created_at       timestamptz NOT NULL DEFAULT now(),
  started_at       timestamptz,
  updated_at       timestamptz NOT NULL DEFAULT now(),
  finished_at      timestamptz
);
CREATE INDEX jobs_unfinished ON ledger.jobs (created_at) WHERE state IN ('waiting', 'running');
CREATE INDEX jobs_created_at ON ledger.jobs (created_at);

-- What an operator wants done with a parked record. Written by the monitor, executed by the owner
-- of the record's partition in one of its transactions. A parked record has at most one open intent:
-- asking twice is asking once.
CREATE TABLE ledger.intents (
  id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  parked_id    bigint NOT NULL REFERENCES ledger.parked,
  topic        text COLLATE "C" NOT NULL,
  partition    integer NOT NULL,
  job_id       uuid REFERENCES ledger.jobs,
  kind         text NOT NULL CHECK (kind IN ('redrive', 'discard', 'edit')),
  edited_value bytea CHECK ((kind = 'edit') = (edited_value IS NOT NULL)),
  actor        text NOT NULL,
  why          text NOT NULL,
  requested_at timestamptz NOT NULL DEFAULT now(),
  outcome      text CHECK (outcome IN ('applied', 'rejected', 'discarded', 'parked')),
  message      text,
  executed_at  timestamptz,
  CHECK ((outcome IS NULL) = (executed_at IS NULL))
);
CREATE UNIQUE INDEX intents_open ON ledger.intents (parked_id) WHERE executed_at IS NULL;
CREATE INDEX intents_waiting ON ledger.intents (topic, partition, id) WHERE executed_at IS NULL;
CREATE INDEX intents_job ON ledger.intents (job_id);

GRANT SELECT, INSERT, UPDATE ON ledger.jobs TO tradestream_monitor;
GRANT SELECT, INSERT ON ledger.intents TO tradestream_monitor;
GRANT SELECT ON ledger.intents TO tradestream_worker;
GRANT UPDATE (outcome, message, executed_at) ON ledger.intents TO tradestream_worker;
GRANT INSERT ON ledger.audit TO tradestream_worker;
GRANT SELECT ON ledger.audit TO tradestream_monitor;
