-- The bytes of a whole number from zero on as an Avro long: zigzag, then seven bits a byte, the lowest first.
CREATE FUNCTION ledger.avro_long(number bigint) RETURNS bytea
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  rest numeric := number::numeric * 2;
  bytes bytea := '';
BEGIN
  IF number < 0 THEN
    RAISE EXCEPTION 'only a number from zero on is written' USING ERRCODE = '22003';
  END IF;
  WHILE rest >= 128 LOOP
    bytes := bytes || set_byte('\x00', 0, 128 + (rest % 128)::integer);
    rest := div(rest, 128);
  END LOOP;
  RETURN bytes || set_byte('\x00', 0, rest::integer);
END
$$;
REVOKE EXECUTE ON FUNCTION ledger.avro_long FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger.avro_long TO tradestream_worker;
