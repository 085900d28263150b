import { sqlParser } from '../parser/sql-parser.ts';

/** What a text of SQL holds, as PostgreSQL's own parser reads it. */
export type StatementSurvey = {
  /** The node name of each statement: `SelectStmt`, `InsertStmt`. */
  readonly kinds: readonly string[];
  readonly changesData: boolean;
  readonly locksRows: boolean;
  readonly makesTable: boolean;
  /** Names without their schemas. */
  readonly functions: readonly string[];
  readonly operators: readonly string[];
  /** Tables and views, without the names that the statement itself defines. */
  readonly relations: readonly string[];
};

const CHANGES: ReadonlySet<string> = new Set(['InsertStmt', 'UpdateStmt', 'DeleteStmt', 'MergeStmt']);
const KEPT_MAX = 1_000;
const kept = new Map<string, StatementSurvey | null>();

/** Null for what is no SQL. */
export function surveyStatement(text: string): StatementSurvey | null {
  const known = kept.get(text);
  if (known !== undefined) return known;
  const made = survey(text);
  if (kept.size >= KEPT_MAX) kept.delete(kept.keys().next().value ?? '');
  kept.set(text, made);
  return made;
}

/** The tables that a statement names; none for what cannot be read. */
export function relationsOf(text: string): readonly string[] {
  return surveyStatement(text)?.relations ?? [];
}

type Found = {
  readonly functions: Set<string>;
  readonly operators: Set<string>;
  readonly relations: Set<string>;
  readonly defined: Set<string>;
  changesData: boolean;
  locksRows: boolean;
  makesTable: boolean;
};

function survey(text: string): StatementSurvey | null {
  const parser = sqlParser();
  let statements: readonly unknown[];
  try {
    statements = parser.parseSync(text).stmts ?? [];
  } catch {
    return null; // the server says what is wrong with it
  }
  const found: Found = {
    functions: new Set(),
    operators: new Set(),
    relations: new Set(),
    defined: new Set(),
    changesData: false,
    locksRows: false,
    makesTable: false,
  };
  walk(statements, found);
  return {
    kinds: statements.map((statement) => kindOf(statement)),
    changesData: found.changesData,
    locksRows: found.locksRows,
    makesTable: found.makesTable,
    functions: [...found.functions],
    operators: [...found.operators],
    relations: [...found.relations].filter((name) => !found.defined.has(name)),
  };
}

function kindOf(statement: unknown): string {
  const node = isRecord(statement) ? statement['stmt'] : null;
  return isRecord(node) ? (Object.keys(node)[0] ?? '') : '';
}

function walk(node: unknown, found: Found): void {
  if (Array.isArray(node)) {
    for (const each of node) walk(each, found);
    return;
  }
  if (!isRecord(node)) return;
  note(node, found);
  for (const value of Object.values(node)) walk(value, found);
}

function note(node: Readonly<Record<string, unknown>>, found: Found): void {
  for (const key of Object.keys(node)) if (CHANGES.has(key)) found.changesData = true;
  if (node['lockingClause'] !== undefined) found.locksRows = true;
  if (node['intoClause'] !== undefined) found.makesTable = true;
  if (typeof node['relname'] === 'string') found.relations.add(node['relname']);
  if (typeof node['ctename'] === 'string') found.defined.add(node['ctename']);
  const call = node['FuncCall'];
  if (isRecord(call)) found.functions.add(lastName(call['funcname']));
  for (const kind of ['A_Expr', 'SubLink']) {
    const expression = node[kind];
    const operator = isRecord(expression) ? lastName(expression['name'] ?? expression['operName']) : '';
    if (operator !== '') found.operators.add(operator);
  }
}

function lastName(names: unknown): string {
  const last: unknown = Array.isArray(names) ? names.at(-1) : null;
  const text = isRecord(last) ? last['String'] : null;
  return isRecord(text) && typeof text['sval'] === 'string' ? text['sval'] : '';
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
