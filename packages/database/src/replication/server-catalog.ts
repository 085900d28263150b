import type { Rows, Statement } from '../session.ts';
import { classifyStatement, type NameCatalog } from './classify-statement.ts';
import { surveyStatement } from './parse-statement.ts';

/** Reads by the server's own word: whatever has a volatile overload counts as volatile. */
const NAMES = `SELECT 'function' AS kind, proname::text AS name, bool_or(provolatile = 'v') AS volatile
    FROM pg_proc GROUP BY proname
  UNION ALL
  SELECT 'operator', oprname::text, bool_or(provolatile = 'v')
    FROM pg_operator JOIN pg_proc ON pg_proc.oid = oprcode GROUP BY oprname`;

const VIEWS = `SELECT relname::text AS name, pg_get_viewdef(pg_class.oid) AS text
  FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
  WHERE relkind = 'v' AND nspname NOT IN ('pg_catalog', 'information_schema')`;

/** Volatile by name, but they only tell the state of a standby, which is where the question belongs. */
const STANDBY_FUNCTIONS: ReadonlySet<string> = new Set([
  'pg_is_in_recovery',
  'pg_last_wal_receive_lsn',
  'pg_last_wal_replay_lsn',
  'pg_last_xact_replay_timestamp',
]);

type Run = <Row extends object>(statement: Statement) => Promise<Rows<Row>>;

/** Names of one moment. */
export async function loadCatalog(run: Run): Promise<NameCatalog> {
  const names = await run<{ kind: 'function' | 'operator'; name: string; volatile: boolean }>({ text: NAMES });
  const safe = { function: new Set<string>(), operator: new Set<string>() };
  for (const { kind, name, volatile } of names.rows) {
    if (!volatile || STANDBY_FUNCTIONS.has(name)) safe[kind].add(name);
  }
  const views = await run<{ name: string; text: string }>({ text: VIEWS });
  const unsafe = new Set<string>();
  const catalog: NameCatalog = {
    isSafeFunction: (name) => safe.function.has(name),
    isSafeOperator: (name) => safe.operator.has(name),
    isSafeRelation: (name) => !unsafe.has(name),
  };
  // A view may stand on an unsafe one: until no more are found.
  for (let before = -1; before < unsafe.size; ) {
    before = unsafe.size;
    for (const { name, text } of views.rows) {
      if (classifyStatement(surveyStatement(text), catalog).kind !== 'read') unsafe.add(name);
    }
  }
  return catalog;
}
