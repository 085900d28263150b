-- What the monitor keeps: figures over time, alerts, silences. Only the monitor writes here; losing
-- it loses no trade.
DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'tradestream_monitor') THEN
    CREATE ROLE tradestream_monitor NOLOGIN;
  END IF;
END
$$;

CREATE SCHEMA IF NOT EXISTS monitor;

CREATE TABLE monitor.series (
  id     integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  metric text COLLATE "C" NOT NULL,
  labels jsonb NOT NULL,
  UNIQUE (metric, labels)
);

-- The highest and the mean value of a series in a step of so many seconds. Each step has its own
-- time to be kept, which bounds the table.
CREATE TABLE monitor.points (
  at        timestamptz NOT NULL,
  series_id integer NOT NULL REFERENCES monitor.series,
  step      integer NOT NULL CHECK (step > 0),
  highest   double precision NOT NULL,
  mean      double precision NOT NULL,
  PRIMARY KEY (series_id, step, at)
);
CREATE INDEX points_step_at ON monitor.points (step, at);

-- One row an alert: from its firing to its end. `told_*`: which of the two was delivered.
CREATE TABLE monitor.alerts (
  id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  fingerprint   text COLLATE "C" NOT NULL,
  name          text COLLATE "C" NOT NULL,
  severity      text NOT NULL,
  summary       text NOT NULL,
  runbook       text NOT NULL,
  labels        jsonb NOT NULL,
  starts_at     timestamptz NOT NULL,
  ends_at       timestamptz,
  told_firing   boolean NOT NULL DEFAULT false,
  told_resolved boolean NOT NULL DEFAULT false,
  UNIQUE (fingerprint, starts_at)
);
CREATE INDEX alerts_ends_at ON monitor.alerts (ends_at);

CREATE TABLE monitor.silences (
  id         uuid PRIMARY KEY,
  matchers   jsonb NOT NULL,
  until      timestamptz NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  created_by text NOT NULL,
  why        text NOT NULL
);

GRANT USAGE ON SCHEMA monitor TO tradestream_monitor;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA monitor TO tradestream_monitor;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA monitor TO tradestream_monitor;
