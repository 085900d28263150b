import type { Connection } from '../connection.ts';

export type IndexKey = {
  /** Null for an expression. */
  readonly column: string | null;
  readonly text: string;
  readonly operatorClass: string;
  readonly collation: string;
  /** Bit 1: descending, bit 2: nulls first. */
  readonly option: number;
  /** The operator class of its type and the collation of its column. */
  readonly isDefault: boolean;
};

export type CatalogIndex = {
  readonly oid: string;
  readonly schema: string;
  readonly table: string;
  readonly tableOid: string;
  readonly name: string;
  readonly method: string;
  readonly keys: readonly IndexKey[];
  readonly included: readonly string[];
  readonly predicate: string | null;
  readonly unique: boolean;
  readonly valid: boolean;
  readonly building: boolean;
  readonly replicaIdentity: boolean;
  /** Primary key, unique or exclusion constraint that stands on it. */
  readonly constraint: string | null;
  /** A foreign key of another table relies on it. */
  readonly referenced: boolean;
  /** A part of a partitioned index, which goes and comes with that. */
  readonly attached: boolean;
  readonly bytes: number;
  /** What its rows need, where that can be told. */
  readonly idealBytes: number | null;
  readonly tableWrites: number;
};

export type CatalogForeignKey = {
  readonly schema: string;
  readonly table: string;
  readonly tableOid: string;
  readonly constraint: string;
  readonly columns: readonly string[];
  readonly references: string;
  readonly parentChanges: number;
};

/** Every index of the application's schemas, or of one table, with its keys as the server compares them. */
const INDEXES = `SELECT i.indexrelid::text AS oid, nspname AS schema, t.relname AS table, t.oid::text AS "tableOid",
    c.relname AS name, amname AS method, indisunique AS unique, indisvalid AND indisready AS valid,
    indisreplident AS "replicaIdentity", c.relispartition AS attached, pg_get_expr(indpred, indrelid) AS predicate,
    EXISTS (SELECT FROM pg_stat_progress_create_index p WHERE p.index_relid = i.indexrelid) AS building,
    (SELECT conname FROM pg_constraint WHERE conindid = i.indexrelid AND contype IN ('p', 'u', 'x') LIMIT 1) AS constraint,
    EXISTS (SELECT FROM pg_constraint WHERE conindid = i.indexrelid AND contype = 'f') AS referenced,
    (SELECT jsonb_agg(jsonb_build_object('column', attname, 'text', pg_get_indexdef(i.indexrelid, k::int, true),
         'operatorClass', indclass[k - 1]::text, 'collation', indcollation[k - 1]::text, 'option', indoption[k - 1],
         'isDefault', opcdefault AND (attcollation IS NULL OR attcollation = indcollation[k - 1])) ORDER BY k)
       FROM generate_series(1, indnkeyatts) k LEFT JOIN pg_attribute ON attrelid = indrelid AND attnum = indkey[k - 1]
         AND attnum <> 0 JOIN pg_opclass ON pg_opclass.oid = indclass[k - 1]) AS keys,
    (SELECT coalesce(jsonb_agg(pg_get_indexdef(i.indexrelid, k::int, true)), '[]')
       FROM generate_series(indnkeyatts + 1, indnatts) k) AS included,
    pg_relation_size(i.indexrelid)::float8 AS bytes,
    (SELECT CASE WHEN count(*) = indnatts THEN greatest(c.reltuples, 0) * (sum(avg_width) + 20) / 0.9 END
       FROM pg_attribute JOIN pg_stats ON schemaname = nspname AND tablename = t.relname AND pg_stats.attname = pg_attribute.attname
       WHERE attrelid = t.oid AND attnum = ANY (indkey) AND NOT inherited AND amname = 'btree') AS "idealBytes",
    coalesce((SELECT n_tup_ins + n_tup_upd + n_tup_del FROM pg_stat_user_tables s WHERE s.relid = t.oid), 0)::float8
      AS "tableWrites"
  FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = indrelid
    JOIN pg_namespace ON pg_namespace.oid = t.relnamespace JOIN pg_am ON pg_am.oid = c.relam
  WHERE c.relkind = 'i' AND nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
    AND ($1::oid IS NULL OR indrelid = $1::oid)
  ORDER BY nspname, t.relname, c.relname`;

const FOREIGN_KEYS = `SELECT nspname AS schema, t.relname AS table, t.oid::text AS "tableOid", conname AS constraint,
    (SELECT jsonb_agg(attname ORDER BY place) FROM unnest(conkey) WITH ORDINALITY u (number, place)
       JOIN pg_attribute ON attrelid = conrelid AND attnum = number) AS columns,
    confrelid::regclass::text AS references,
    coalesce((SELECT n_tup_upd + n_tup_del FROM pg_stat_user_tables s WHERE s.relid = confrelid), 0)::float8
      AS "parentChanges"
  FROM pg_constraint JOIN pg_class t ON t.oid = conrelid JOIN pg_namespace ON pg_namespace.oid = t.relnamespace
  WHERE contype = 'f' AND conparentid = 0 AND nspname NOT IN ('pg_catalog', 'information_schema')
  ORDER BY nspname, t.relname, conname`;

/** Scans since the node began to count, which is not known to be earlier than its start. */
const SCANS = `SELECT indexrelid::text AS oid, idx_scan::float8 AS scans FROM pg_stat_user_indexes`;
const SINCE = `SELECT coalesce(stats_reset, pg_postmaster_start_time()) AS since FROM pg_stat_database
  WHERE datname = current_database()`;

/** @param tableOid of one table; null for all. */
export async function loadIndexes(connection: Connection, tableOid: string | null): Promise<readonly CatalogIndex[]> {
  return (await connection.execute<CatalogIndex>(INDEXES, [tableOid])).rows;
}

export async function loadForeignKeys(connection: Connection): Promise<readonly CatalogForeignKey[]> {
  return (await connection.execute<CatalogForeignKey>(FOREIGN_KEYS)).rows;
}

export type NodeUsage = { readonly node: string; readonly since: Date; readonly scans: ReadonlyMap<string, number> };

export async function loadUsage(connection: Connection): Promise<NodeUsage> {
  const { rows } = await connection.execute<{ oid: string; scans: number }>(SCANS);
  const since = await connection.execute<{ since: Date }>(SINCE);
  return {
    node: connection.node,
    since: since.rows[0]?.since ?? new Date(),
    scans: new Map(rows.map(({ oid, scans }) => [oid, scans])),
  };
}
