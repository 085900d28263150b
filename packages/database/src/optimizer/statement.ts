import { DatabaseError } from '../errors.ts';
import { sqlParser } from '../parser/sql-parser.ts';
import { numberMarks } from '../placeholders.ts';
import { relationsOf } from '../replication/parse-statement.ts';
import type { QueryAnalysis } from './query-analysis.ts';
import { type Body, isBody, type Token, tokensOf } from './syntax.ts';

/** One statement, read by PostgreSQL's own parser. */
export type ParsedStatement = {
  /** With `$1` for `?`. */
  readonly text: string;
  readonly kind: QueryAnalysis['statement'];
  /** The statement's node: `{SelectStmt: {...}}`. */
  readonly tree: Body;
  readonly tokens: readonly Token[];
  readonly tables: readonly string[];
  readonly fingerprint: string;
  /** The highest `$n`. */
  readonly parameters: number;
};

const KINDS: Readonly<Record<string, QueryAnalysis['statement']>> = {
  SelectStmt: 'select',
  InsertStmt: 'insert',
  UpdateStmt: 'update',
  DeleteStmt: 'delete',
  MergeStmt: 'merge',
};

/** @throws {DatabaseError} 42601 for what is no SQL, or not one statement */
export function parseStatement(query: string): ParsedStatement {
  const { text, trees } = read(query);
  const [tree] = trees;
  if (tree === undefined || trees.length !== 1) {
    throw new DatabaseError('42601', { context: { statements: trees.length }, detail: 'one statement is wanted' });
  }
  const tokens = tokensOf(text);
  const numbers = tokens.filter((token) => /^\$\d+$/.test(token.text)).map((token) => Number(token.text.slice(1)));
  return {
    text,
    kind: KINDS[Object.keys(tree)[0] ?? ''] ?? 'other',
    tree,
    tokens,
    tables: relationsOf(text),
    fingerprint: sqlParser().fingerprintSync(text),
    parameters: Math.max(0, ...numbers),
  };
}

/** Question marks may be operators: then the text is right as it stands. */
function read(query: string): { readonly text: string; readonly trees: readonly Body[] } {
  const text = numberMarks(query);
  try {
    return { text, trees: treesOf(text) };
  } catch (error) {
    if (text === query) throw error;
    return { text: query, trees: treesOf(query) };
  }
}

function treesOf(text: string): readonly Body[] {
  const parser = sqlParser();
  try {
    return (parser.parseSync(text).stmts ?? []).flatMap(({ stmt }) => (isBody(stmt) ? [stmt] : []));
  } catch (error) {
    // The parser's message may quote the text, values included: it stays in the cause.
    throw new DatabaseError('42601', { cause: error, context: { length: text.length } });
  }
}
