import type { PlanNode } from './plan.ts';
import { nodesOf } from './plan.ts';
import type { Planner } from './planner.ts';

/** What the server's catalog and statistics say of a table. */
export type TableFacts = {
  readonly schema: string;
  readonly table: string;
  /** -1 when it was never analysed. */
  readonly rows: number;
  readonly pages: number;
  /** Column to the name of its type, of a domain that of what it stands on. */
  readonly types: Readonly<Record<string, string>>;
  /** Column to how many values it has. */
  readonly distinct: Readonly<Record<string, number>>;
  /** Column to how far the order of its values is that of the rows on disk, 0 to 1. */
  readonly correlation: Readonly<Record<string, number>>;
  /** What its indexes on expressions hold, a list of expressions for each. */
  readonly expressions: readonly string[];
};

export type Facts = {
  readonly of: (node: PlanNode) => TableFacts | null;
  readonly tables: readonly TableFacts[];
  /** `varchar>text`: casts that change nothing but the name. */
  readonly freeCasts: ReadonlySet<string>;
};

/** Statistics of the tables that a plan reads, by the names that they have in it. */
const TABLES = `SELECT nspname AS schema, relname AS table, reltuples::float8 AS rows, relpages AS pages,
    (SELECT coalesce(jsonb_object_agg(attname, base.typname), '{}') FROM pg_attribute
       JOIN pg_type ON pg_type.oid = atttypid
       JOIN pg_type base ON base.oid = CASE WHEN pg_type.typtype = 'd' THEN pg_type.typbasetype ELSE pg_type.oid END
       WHERE attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped) AS types,
    (SELECT coalesce(jsonb_object_agg(attname, CASE WHEN n_distinct < 0 THEN -n_distinct * greatest(reltuples, 1)
         ELSE n_distinct END), '{}') FROM pg_stats
       WHERE schemaname = nspname AND tablename = relname AND NOT inherited) AS distinct,
    (SELECT coalesce(jsonb_object_agg(attname, abs(coalesce(correlation, 0))), '{}') FROM pg_stats
       WHERE schemaname = nspname AND tablename = relname AND NOT inherited) AS correlation,
    (SELECT coalesce(jsonb_agg(pg_get_expr(indexprs, indrelid)), '[]') FROM pg_index
       WHERE indrelid = pg_class.oid AND indexprs IS NOT NULL AND indisvalid) AS expressions
  FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    JOIN unnest($1::text[], $2::text[]) AS named (s, t) ON s = nspname AND t = relname`;

const FREE_CASTS = `SELECT source.typname || '>' || target.typname AS cast FROM pg_cast
  JOIN pg_type source ON source.oid = castsource JOIN pg_type target ON target.oid = casttarget WHERE castmethod = $1`;

export async function loadFacts(planner: Planner, plan: PlanNode): Promise<Facts> {
  const named = nodesOf(plan).filter((node) => node.table !== null);
  const keys = [...new Set(named.map((node) => keyOf(node.schema ?? '', node.table ?? '')))];
  const pairs = keys.map((key) => key.split('\0'));
  const tables = await planner.rows<TableFacts>(TABLES, [pairs.map(([schema]) => schema), pairs.map(([, t]) => t)]);
  const casts = await planner.rows<{ cast: string }>(FREE_CASTS, ['b']);
  const byKey = new Map(tables.map((table) => [keyOf(table.schema, table.table), table]));
  return {
    tables,
    of: (node) => byKey.get(keyOf(node.schema ?? '', node.table ?? '')) ?? null,
    freeCasts: new Set(casts.map(({ cast }) => cast)),
  };
}

function keyOf(schema: string, table: string): string {
  return `${schema}\0${table}`;
}
