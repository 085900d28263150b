-- A projection is made anew beside the one that is read, and takes its place in one transaction.
-- `views.X` and `views.positions` are always what is read; what is being built is `views_next.X`, what
-- was replaced `views_kept.X`, with the same names of columns, constraints and indexes. The tables
-- change places by changing schemas, so whoever names `views.X` reads one or the other, whole.
CREATE SCHEMA views_next;
CREATE SCHEMA views_kept;

-- The projections. `live_version` is that of the positions that are read; null: it was never built, and
-- nobody reads it yet. `next_*` describes what is being built, and for which request.
CREATE TABLE views.projections (
  projection   text COLLATE "C" PRIMARY KEY CHECK (projection ~ '^[a-z][a-z_]{0,40}$'),
  live_version integer CHECK (live_version > 0),
  last_version integer NOT NULL DEFAULT 0,
  next_version integer,
  next_request uuid,
  next_indexed boolean NOT NULL DEFAULT false,
  kept_version integer,
  swapped_at   timestamptz
);
INSERT INTO views.projections (projection, live_version, last_version)
  SELECT name, 1, 1 FROM unnest(ARRAY['balances', 'candles', 'fills', 'orders', 'trades']) AS name;

-- How far the tables are that nobody reads, as views.positions is for those that are read.
CREATE TABLE views.side_positions (
  projection  text COLLATE "C" NOT NULL REFERENCES views.projections,
  version     integer NOT NULL,
  partition   integer NOT NULL,
  timeline    integer NOT NULL,
  seq         bigint NOT NULL,
  next_offset bigint NOT NULL,
  PRIMARY KEY (projection, version, partition)
);

-- What is to be done with a projection, oldest first. A projector takes it up and holds the advisory
-- lock of the projection while it works; a request left `running` by one that died is taken up again.
CREATE TABLE views.requests (
  id               uuid PRIMARY KEY,
  kind             text NOT NULL CHECK (kind IN ('rebuild', 'verify', 'repair', 'rollback', 'drop-kept')),
  projection       text COLLATE "C" NOT NULL REFERENCES views.projections,
  key              text CHECK ((kind = 'repair') = (key IS NOT NULL)),
  actor            text NOT NULL,
  why              text NOT NULL,
  state            text NOT NULL DEFAULT 'waiting'
                   CHECK (state IN ('waiting', 'running', 'done', 'failed', 'cancelled')),
  phase            text,
  total            bigint,
  done             bigint NOT NULL DEFAULT 0,
  result           jsonb,
  error            text,
  runs             integer NOT NULL DEFAULT 0,
  cancel_requested boolean NOT NULL DEFAULT false,
  requested_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
  started_at       timestamptz,
  updated_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
  finished_at      timestamptz
);
CREATE INDEX requests_open ON views.requests (requested_at) WHERE state IN ('waiting', 'running');
-- Asking twice for a new version is asking once.
CREATE UNIQUE INDEX requests_one_version ON views.requests (projection)
  WHERE kind IN ('rebuild', 'rollback') AND state IN ('waiting', 'running');

-- Says that `views.X`, made by the migration that calls it, is a new projection: nobody reads it
-- before a projector has built it.
CREATE FUNCTION views.announce(name text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  INSERT INTO views.projections (projection) VALUES (name);
$$;

-- Asks for something, once for an id; answers with the id of the request to follow: another's, when a
-- new version of the projection is being made already. One that failed or was cancelled is asked anew.
CREATE FUNCTION views.ask(request uuid, verb text, name text, for_key text, by_actor text, because text)
RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  open_one uuid;
BEGIN
  UPDATE views.requests AS r
    SET state = 'waiting', runs = 0, cancel_requested = false, error = NULL, result = NULL, finished_at = NULL
    WHERE r.id = request AND r.state IN ('failed', 'cancelled');
  INSERT INTO views.requests (id, kind, projection, key, actor, why)
    VALUES (request, verb, name, for_key, by_actor, because) ON CONFLICT DO NOTHING;
  IF EXISTS (SELECT FROM views.requests AS r WHERE r.id = request) THEN
    RETURN request;
  END IF;
  SELECT r.id INTO open_one FROM views.requests AS r
    WHERE r.projection = name AND r.kind IN ('rebuild', 'rollback') AND r.state IN ('waiting', 'running');
  RETURN open_one;
END
$$;

-- Drops a table that nobody reads.
CREATE FUNCTION views.drop_side(name text, side text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF side NOT IN ('next', 'kept') THEN
    RAISE EXCEPTION 'a side is next or kept' USING ERRCODE = '22023';
  END IF;
  PERFORM FROM views.projections AS p WHERE p.projection = name FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION '% is no projection', name USING ERRCODE = '22023';
  END IF;
  EXECUTE format('DROP TABLE IF EXISTS views_%s.%I', side, name);
  DELETE FROM views.side_positions AS s USING views.projections AS p
    WHERE p.projection = name AND s.projection = name
      AND s.version = CASE side WHEN 'next' THEN p.next_version ELSE p.kept_version END;
  IF side = 'next' THEN
    UPDATE views.projections AS p SET next_version = NULL, next_request = NULL, next_indexed = false
      WHERE p.projection = name;
  ELSE
    UPDATE views.projections AS p SET kept_version = NULL WHERE p.projection = name;
  END IF;
END
$$;

-- Begins a new version: an empty table like the one that is read, with its rights and settings, and of
-- its indexes only those that keep rows unique; the others are built when the rows are there.
CREATE FUNCTION views.begin_next(name text, request uuid) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  live regclass := format('views.%I', name)::regclass;
  made integer;
  part record;
BEGIN
  PERFORM views.drop_side(name, 'next');
  EXECUTE format('CREATE TABLE views_next.%I (LIKE views.%1$I INCLUDING ALL EXCLUDING INDEXES)', name);
  FOR part IN SELECT unnest(reloptions) AS setting FROM pg_class WHERE oid = live LOOP
    EXECUTE format('ALTER TABLE views_next.%I SET (%s)', name, part.setting);
  END LOOP;
  FOR part IN
    SELECT c.conname, pg_get_constraintdef(c.oid) AS definition FROM pg_constraint AS c
    WHERE c.conrelid = live AND c.contype IN ('p', 'u')
  LOOP
    EXECUTE format('ALTER TABLE views_next.%I ADD CONSTRAINT %I %s', name, part.conname, part.definition);
  END LOOP;
  PERFORM views.copy_indexes(name, true);
  FOR part IN
    SELECT a.privilege_type, a.grantee::regrole AS grantee FROM pg_class AS c, aclexplode(c.relacl) AS a
    WHERE c.oid = live AND a.grantee <> 0
  LOOP
    EXECUTE format('GRANT %s ON views_next.%I TO %s', part.privilege_type, name, part.grantee);
  END LOOP;
  UPDATE views.projections AS p
    SET last_version = p.last_version + 1, next_version = p.last_version + 1, next_request = request, next_indexed = false
    WHERE p.projection = name RETURNING p.next_version INTO made;
  RETURN made;
END
$$;

-- Builds on the next table those indexes of the live one that are unique, or the others.
CREATE FUNCTION views.copy_indexes(name text, are_unique boolean) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  part record;
BEGIN
  FOR part IN
    SELECT pg_get_indexdef(i.indexrelid) AS definition FROM pg_index AS i
    WHERE i.indrelid = format('views.%I', name)::regclass AND i.indisunique = are_unique AND i.indisvalid
      AND NOT EXISTS (SELECT FROM pg_constraint AS c WHERE c.conindid = i.indexrelid)
    ORDER BY i.indexrelid
  LOOP
    EXECUTE replace(part.definition, format(' ON views.%I ', name), format(' ON views_next.%I ', name));
  END LOOP;
END
$$;

-- Builds the indexes that were left for when the rows are there, once.
CREATE FUNCTION views.index_next(name text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE views.projections AS p SET next_indexed = true WHERE p.projection = name AND NOT p.next_indexed;
  IF FOUND THEN
    PERFORM views.copy_indexes(name, false);
    EXECUTE format('ANALYZE views_next.%I', name);
  END IF;
END
$$;

-- Makes of the version that was kept the next one, which then catches up as any other.
CREATE FUNCTION views.take_kept(name text, request uuid) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  taken integer;
BEGIN
  PERFORM views.drop_side(name, 'next');
  UPDATE views.projections AS p
    SET next_version = p.kept_version, next_request = request, next_indexed = true, kept_version = NULL
    WHERE p.projection = name AND p.kept_version IS NOT NULL RETURNING p.next_version INTO taken;
  IF taken IS NOT NULL THEN
    EXECUTE format('ALTER TABLE views_kept.%I SET SCHEMA views_next', name);
  END IF;
  RETURN taken;
END
$$;

-- Keeps the next version again instead of going on with it.
CREATE FUNCTION views.put_back(name text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE views.projections AS p
    SET kept_version = p.next_version, next_version = NULL, next_request = NULL, next_indexed = false
    WHERE p.projection = name AND p.next_version IS NOT NULL AND p.kept_version IS NULL;
  IF FOUND THEN
    EXECUTE format('ALTER TABLE views_next.%I SET SCHEMA views_kept', name);
  END IF;
END
$$;

-- Puts the next version in the place of the live one, which is kept. The caller has locked the live
-- positions and brought the next version to them or beyond. A batch that waited for those positions
-- finds none of its version: views.move_positions refuses it, so that it never writes into the new
-- table what that table holds already.
CREATE FUNCTION views.swap_in(name text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  own views.projections;
BEGIN
  EXECUTE format('LOCK TABLE views.%I IN ACCESS EXCLUSIVE MODE', name);
  SELECT * INTO own FROM views.projections AS p WHERE p.projection = name FOR NO KEY UPDATE;
  IF own.next_version IS NULL OR NOT own.next_indexed THEN
    RAISE EXCEPTION '% has no version that could take its place', name USING ERRCODE = '55000';
  END IF;
  PERFORM views.drop_side(name, 'kept');
  IF own.live_version IS NULL THEN
    EXECUTE format('DROP TABLE views.%I', name);
  ELSE
    EXECUTE format('ALTER TABLE views.%I SET SCHEMA views_kept', name);
  END IF;
  EXECUTE format('ALTER TABLE views_next.%I SET SCHEMA views', name);
  WITH gone AS (DELETE FROM views.positions AS p WHERE p.projection = name RETURNING p.*)
  INSERT INTO views.side_positions (projection, version, partition, timeline, seq, next_offset)
    SELECT projection, version, partition, timeline, seq, next_offset FROM gone WHERE own.live_version IS NOT NULL;
  WITH come AS (
    DELETE FROM views.side_positions AS s WHERE s.projection = name AND s.version = own.next_version RETURNING s.*)
  INSERT INTO views.positions (projection, version, partition, timeline, seq, next_offset)
    SELECT projection, version, partition, timeline, seq, next_offset FROM come;
  UPDATE views.projections AS p
    SET live_version = own.next_version, kept_version = own.live_version, next_version = NULL, next_request = NULL,
        next_indexed = false, swapped_at = clock_timestamp()
    WHERE p.projection = name;
END
$$;

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA views FROM PUBLIC;
GRANT EXECUTE ON FUNCTION views.drop_side, views.begin_next, views.index_next, views.take_kept, views.put_back,
  views.swap_in TO tradestream_projector;
GRANT USAGE ON SCHEMA views_next, views_kept TO tradestream_projector;
GRANT SELECT ON views.projections, views.side_positions, views.requests TO tradestream_monitor, tradestream_projector;
GRANT SELECT ON views.projections TO tradestream_gateway;
GRANT UPDATE (live_version, last_version) ON views.projections TO tradestream_projector;
GRANT INSERT, UPDATE, DELETE ON views.side_positions TO tradestream_projector;
GRANT INSERT, UPDATE ON views.requests TO tradestream_projector;
GRANT UPDATE (cancel_requested) ON views.requests TO tradestream_monitor;
GRANT EXECUTE ON FUNCTION views.ask TO tradestream_monitor;
