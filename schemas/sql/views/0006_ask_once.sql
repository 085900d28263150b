-- As views.ask, once for the version that was read when it was asked for: of two who ask for a rebuild or a
-- rollback of it at once one has it, even if the other's turn comes when that is done. A second rebuild would
-- take the place of the version that can be gone back to, and a second rollback would take back the first.
-- Null: another version was put in place since.
CREATE FUNCTION views.ask_once(
  request uuid, verb text, name text, for_key text, seen_version integer, by_actor text, because text
) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF seen_version IS NOT NULL AND NOT EXISTS (SELECT FROM views.requests AS r WHERE r.id = request) THEN
    PERFORM FROM views.projections AS p WHERE p.projection = name AND p.live_version = seen_version FOR SHARE;
    IF NOT FOUND THEN
      RETURN NULL;
    END IF;
  END IF;
  RETURN views.ask(request, verb, name, for_key, by_actor, because);
END
$$;
REVOKE EXECUTE ON FUNCTION views.ask_once FROM PUBLIC;
GRANT EXECUTE ON FUNCTION views.ask_once TO tradestream_monitor;
