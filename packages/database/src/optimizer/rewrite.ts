import { DatabaseError } from '../errors.ts';
import type { Edit, Rewrite } from './rewrite-edit.ts';
import { rewriteMemberships } from './rewrite-memberships.ts';
import { rewriteOrs } from './rewrite-ors.ts';
import { rewriteSelects } from './rewrite-selects.ts';
import { type ParsedStatement, parseStatement } from './statement.ts';

export type Rewriting = {
  readonly text: string;
  /** What was done, in order. */
  readonly changes: readonly Pick<Rewrite, 'rule' | 'did'>[];
};

/** Each pass may open the way for another one, as in nested subqueries. */
const PASSES_MAX = 10;

/** What could be written otherwise; each one gives the same rows whatever the tables hold. */
export function findRewrites(statement: ParsedStatement): readonly Rewrite[] {
  return [...rewriteOrs(statement), ...rewriteMemberships(statement), ...rewriteSelects(statement)];
}

/** Makes them all. The text stays as it is, `?` included, where there is nothing to do. */
export function rewriteStatement(query: string): Rewriting {
  const changes: Pick<Rewrite, 'rule' | 'did'>[] = [];
  let text = query;
  for (let pass = 0; pass < PASSES_MAX; pass += 1) {
    const statement = parseStatement(text);
    const rewrites = withoutOverlaps(findRewrites(statement));
    if (rewrites.length === 0) break;
    const written = applyEdits(
      statement.text,
      rewrites.flatMap(({ edits }) => edits),
    );
    if (!isReadable(written)) break;
    text = written;
    changes.push(...rewrites.map(({ rule, did }) => ({ rule, did })));
  }
  return { text, changes };
}

function withoutOverlaps(rewrites: readonly Rewrite[]): readonly Rewrite[] {
  const taken: Edit[] = [];
  return rewrites.filter(({ edits }) => {
    const isFree = edits.every((edit) => taken.every((other) => edit.end <= other.start || other.end <= edit.start));
    if (isFree) taken.push(...edits);
    return isFree;
  });
}

function applyEdits(text: string, edits: readonly Edit[]): string {
  const bytes = Buffer.from(text);
  const pieces: Buffer[] = [];
  let at = 0;
  for (const edit of edits.toSorted((one, other) => one.start - other.start || one.end - other.end)) {
    pieces.push(bytes.subarray(at, edit.start), Buffer.from(edit.text));
    at = edit.end;
  }
  pieces.push(bytes.subarray(at));
  return Buffer.concat(pieces).toString();
}

function isReadable(text: string): boolean {
  try {
    parseStatement(text);
    return true;
  } catch (error) {
    if (error instanceof DatabaseError) return false;
    throw error;
  }
}
