-- Indexes of a large view take minutes. The row of the projection is written behind them: projectors
-- that come or come back meanwhile take a share lock of it before they load their positions.
CREATE OR REPLACE FUNCTION views.index_next(name text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF EXISTS (SELECT FROM views.projections AS p WHERE p.projection = name AND NOT p.next_indexed) THEN
    PERFORM views.copy_indexes(name, false);
    EXECUTE format('ANALYZE views_next.%I', name);
    UPDATE views.projections AS p SET next_indexed = true WHERE p.projection = name;
  END IF;
END
$$;
