-- Forgets the archived receipts of named commands; answers how many it was. An id whose receipt is not in
-- the archive is left: its record is still on the log. What was done, by whom and why is in the audit, and
-- there `verify` reads which receipts may be absent.
CREATE FUNCTION ledger.forget_commands(command_ids uuid[], actor text, why text)
RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  forgotten uuid[];
BEGIN
  IF trim(actor) = '' OR trim(why) = '' THEN
    RAISE EXCEPTION 'forgetting needs an actor and a reason' USING ERRCODE = '22023';
  END IF;
  WITH gone AS (DELETE FROM ledger.receipt_archive AS a WHERE a.command_id = ANY (command_ids) RETURNING a.command_id)
  SELECT array_agg(command_id ORDER BY command_id) INTO forgotten FROM gone;
  IF forgotten IS NULL THEN
    RETURN 0;
  END IF;
  INSERT INTO ledger.audit (actor, action, why, details) VALUES (
    actor, 'FORGET_RECEIPTS', why, jsonb_build_object('commandIds', to_jsonb(forgotten),
      'risk', 'a command of these that is published again is applied again'));
  RETURN cardinality(forgotten);
END
$$;
REVOKE EXECUTE ON FUNCTION ledger.forget_commands FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger.forget_commands TO tradestream_monitor;
CREATE INDEX audit_forgotten ON ledger.audit (id) WHERE action = 'FORGET_RECEIPTS';
