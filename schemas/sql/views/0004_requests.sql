-- As before, asking for a new version while one is being made answers with the request for that one.
-- What is answered is there now: neither nothing, when that one has just ended, nor an error, when a
-- request that failed is asked anew beside it. And what is asked for again is not to be cancelled.
CREATE OR REPLACE FUNCTION views.ask(request uuid, verb text, name text, for_key text, by_actor text, because text)
RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  answered uuid;
BEGIN
  FOR attempt IN 1..20 LOOP
    BEGIN
      UPDATE views.requests AS r SET cancel_requested = false
        WHERE r.id = request AND r.state IN ('waiting', 'running') AND r.cancel_requested;
      UPDATE views.requests AS r
        SET state = 'waiting', runs = 0, cancel_requested = false, error = NULL, result = NULL, finished_at = NULL
        WHERE r.id = request AND r.state IN ('failed', 'cancelled');
      INSERT INTO views.requests (id, kind, projection, key, actor, why)
        VALUES (request, verb, name, for_key, by_actor, because) ON CONFLICT DO NOTHING;
    EXCEPTION WHEN unique_violation THEN
      NULL; -- another version is being made: its request is answered
    END;
    SELECT r.id INTO answered FROM views.requests AS r
      WHERE (r.id = request AND r.state NOT IN ('failed', 'cancelled'))
        OR (verb IN ('rebuild', 'rollback') AND r.projection = name AND r.kind IN ('rebuild', 'rollback')
            AND r.state IN ('waiting', 'running'))
      ORDER BY r.id = request DESC LIMIT 1;
    IF answered IS NOT NULL THEN
      RETURN answered;
    END IF;
  END LOOP;
  RAISE EXCEPTION 'requests for % begin and end faster than one can ask', name USING ERRCODE = '55P03';
END
$$;
