import type { StatementSurvey } from './parse-statement.ts';

/** What the server says of names. Whatever is not known here may change something. */
export interface NameCatalog {
  isSafeFunction(name: string): boolean;
  isSafeOperator(name: string): boolean;
  /** False for a view that calls what is not safe. */
  isSafeRelation(name: string): boolean;
}

/** `control` steers a transaction or the session; `write` belongs to the primary, also when nobody can tell. */
export type StatementKind = 'read' | 'write' | 'control';

export type Classified = {
  readonly kind: StatementKind;
  /** Names that the catalog did not know to be safe: it may be out of date. */
  readonly doubtful: boolean;
};

const READ: Classified = { kind: 'read', doubtful: false };
const WRITE: Classified = { kind: 'write', doubtful: false };
const CONTROL: Classified = { kind: 'control', doubtful: false };
const CONTROLLING_KINDS: ReadonlySet<string> = new Set([
  'TransactionStmt',
  'VariableSetStmt',
  'ListenStmt',
  'UnlistenStmt',
  'PrepareStmt',
  'ExecuteStmt',
  'DeallocateStmt',
  'DiscardStmt',
  'DeclareCursorStmt',
  'LoadStmt',
]);
const READING_KINDS: ReadonlySet<string> = new Set(['SelectStmt', 'ExplainStmt']);

/**
 * Only a single SELECT (or its EXPLAIN) that locks nothing, changes nothing and calls nothing volatile is
 * a read. `INSERT ... RETURNING` in a CTE, `FOR UPDATE`, `SELECT INTO` and `nextval` are not.
 */
export function classifyStatement(survey: StatementSurvey | null, catalog: NameCatalog): Classified {
  if (survey === null) return WRITE;
  if (survey.kinds.some((each) => CONTROLLING_KINDS.has(each))) return CONTROL;
  const [kind, ...others] = survey.kinds;
  if (kind === undefined || others.length > 0 || !READING_KINDS.has(kind)) return WRITE;
  if (survey.changesData || survey.locksRows || survey.makesTable) return WRITE;
  const safe =
    survey.functions.every((name) => catalog.isSafeFunction(name)) &&
    survey.operators.every((name) => catalog.isSafeOperator(name)) &&
    survey.relations.every((name) => catalog.isSafeRelation(name));
  return safe ? READ : { kind: 'write', doubtful: true };
}

/** Whether the statement may change what a catalog knows. */
export function changesCatalog(survey: StatementSurvey | null): boolean {
  return survey?.kinds.some((kind) => /^(Create|Alter|Drop|View|Rename|Define)/.test(kind)) ?? true;
}
