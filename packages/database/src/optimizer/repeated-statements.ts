import { DatabaseError } from '../errors.ts';
import type { DatabaseManager } from '../manager/database-manager.ts';
import type { RepeatedStatement } from './query-analysis.ts';
import { parseStatement } from './statement.ts';
import { allOf, type Body, bodyOf, columnOf, conjunctsOf, isBody, isParameter, itemsOf, lastNameOf } from './syntax.ts';

/** Fewer calls are not worth a change. */
const CALLS_MIN = 50;
/** A list that is read once for at least so many lookups. */
const RATIO_MIN = 5;
const STATEMENTS_MAX = 5_000;
const PARENTS_MAX = 3;
/** The lookups and the rows of the list agree this well, or it is not the list. */
const AGREEMENT = 0.1;

/** What this role has run here, as the server counts it. */
const HISTORY = `SELECT query, sum(calls)::float8 AS calls, sum(rows)::float8 AS rows FROM pg_stat_statements
  WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) AND query IS NOT NULL
  GROUP BY query ORDER BY sum(calls) DESC LIMIT ${STATEMENTS_MAX}`;

const COLUMNS = `SELECT relname::text AS table, array_agg(attname::text) AS names FROM pg_attribute
  JOIN pg_class ON pg_class.oid = attrelid JOIN pg_namespace ON pg_namespace.oid = relnamespace
  WHERE relkind IN ('r', 'p', 'v', 'm') AND attnum > 0 AND NOT attisdropped
    AND nspname NOT IN ('pg_catalog', 'information_schema') GROUP BY relname`;

type History = { readonly query: string; readonly calls: number; readonly rows: number };
type Lookup = History & { readonly table: string; readonly key: string };

/**
 * The N+1 pattern: a lookup by one key that ran about once for each row which another statement gave.
 * @throws {DatabaseError} 42P01 where pg_stat_statements is not installed, 55000 where it is not loaded
 */
export async function findRepeated(database: DatabaseManager): Promise<readonly RepeatedStatement[]> {
  const { rows } = await database.query<History>(HISTORY, [], { readPreference: 'primary' });
  const columns = await database.query<{ table: string; names: readonly string[] }>(COLUMNS);
  return repeatedIn(rows, new Map(columns.rows.map(({ table, names }) => [table, names])));
}

type Columns = ReadonlyMap<string, readonly string[]>;

function repeatedIn(history: readonly History[], columns: Columns): readonly RepeatedStatement[] {
  const lists = history.filter(({ query, calls, rows }) => rows / calls > 1 && /^\s*(select|with)\b/i.test(query));
  return history.flatMap((statement) => {
    const lookup = statement.calls < CALLS_MIN ? null : readLookup(statement);
    if (lookup === null) return [];
    const parents = lists.filter((list) => {
      const isOften = lookup.calls / list.calls >= RATIO_MIN;
      const agrees = Math.abs(list.rows - lookup.calls) <= AGREEMENT * lookup.calls;
      return list !== statement && isOften && agrees && givesKey(list.query, lookup, columns);
    });
    if (parents.length === 0) return [];
    const { query, calls, rows, table, key } = lookup;
    return [
      {
        query,
        calls,
        rowsPerCall: rows / calls,
        table,
        parents: parents.slice(0, PARENTS_MAX).map((parent) => parent.query),
        advice: `join ${table} in the first statement, or ask once with ${key} = ANY($1) for all keys`,
      },
    ];
  });
}

function readLookup(statement: History): Lookup | null {
  const select = selectOf(statement.query);
  const [from, ...more] = itemsOf(select?.['fromClause']);
  const table = bodyOf(from, 'RangeVar')?.['relname'];
  if (select === null || more.length > 0 || typeof table !== 'string') return null;
  const keys = conjunctsOf(select['whereClause']).map((part) => {
    const expression = bodyOf(part, 'A_Expr');
    const isKey = expression?.['kind'] === 'AEXPR_OP' && lastNameOf(expression['name']) === '=';
    return isKey && isParameter(expression['rexpr']) ? columnOf(expression['lexpr']) : null;
  });
  const [key] = keys;
  return keys.length === 1 && key !== null && key !== undefined ? { ...statement, table, key } : null;
}

/** Whether its rows have the key in them: by the same name, or by `<table>_<key>`. */
function givesKey(query: string, { table, key }: Lookup, columns: Columns): boolean {
  const select = selectOf(query);
  if (select === null) return false;
  const tables = allOf(select, 'RangeVar').flatMap(({ relname }) => (typeof relname === 'string' ? [relname] : []));
  const names = itemsOf(select['targetList']).flatMap((target) => {
    const value = bodyOf(target, 'ResTarget')?.['val'];
    const isStar = bodyOf(itemsOf(bodyOf(value, 'ColumnRef')?.['fields']).at(-1), 'A_Star') !== null;
    return isStar ? tables.flatMap((each) => columns.get(each) ?? []) : [columnOf(value)];
  });
  const wanted = new Set([`${table}_${key}`, `${table.replace(/s$/, '')}_${key}`]);
  // Every table has an `id`: that of another one is no key of this.
  if (key !== 'id' || tables.includes(table)) wanted.add(key);
  return names.some((name) => name !== null && wanted.has(name));
}

function selectOf(query: string): Body | null {
  try {
    const { tree } = parseStatement(query);
    return isBody(tree) ? bodyOf(tree, 'SelectStmt') : null;
  } catch (error) {
    if (error instanceof DatabaseError) return null; // cut short by the server, or of a newer grammar
    throw error;
  }
}
