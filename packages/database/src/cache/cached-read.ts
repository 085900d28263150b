import { createHash } from 'node:crypto';
import { serialize } from 'node:v8';
import { type ConsistencyPoint, parseToken } from '../replication/consistency-token.ts';
import type { StatementSurvey } from '../replication/parse-statement.ts';
import type { Statement } from '../session.ts';
import type { CachedEntry } from './cached-entry.ts';
import type { TableDependencies } from './table-dependencies.ts';

/** A read whose answer may be kept. */
export type CachedRead = {
  readonly statement: Statement;
  readonly survey: StatementSurvey;
  /** The same for the same statement with the same values, asked for in the same way. */
  readonly key: string;
  readonly tables: readonly string[];
  /** What the caller must see at least. */
  readonly floor: ConsistencyPoint | null;
};

const READING_KINDS: ReadonlySet<string> = new Set(['SelectStmt', 'ExplainStmt', 'VariableShowStmt']);

/** Null for what cannot be kept. */
export function readOf(
  statement: Statement,
  survey: StatementSurvey | null,
  options: { readonly dependencies: TableDependencies; readonly token: string | undefined },
): CachedRead | null {
  const { dependencies, token } = options;
  const isRead = survey !== null && writesNothing(survey) && survey.kinds.join() === 'SelectStmt';
  const tables = isRead ? dependencies.readBy(survey) : null;
  if (survey === null || tables === null) return null;
  const identity = serialize([dependencies.scope, statement.text, statement.values ?? []]);
  const key = createHash('sha256').update(identity).digest('base64url');
  return { statement, survey, key, tables, floor: token === undefined ? null : parseToken(token) };
}

/** By its text; a function that it calls may still do anything. */
export function writesNothing(survey: StatementSurvey | null): boolean {
  if (survey === null || survey.changesData || survey.locksRows || survey.makesTable) return false;
  return survey.kinds.every((kind) => READING_KINDS.has(kind));
}

/** No table was written since, as far as the store knows, and it has all that the caller must see. */
export function isFit(entry: CachedEntry, stamps: readonly string[], floor: ConsistencyPoint | null): boolean {
  const isUnwritten = entry.stamps.length === stamps.length && entry.stamps.every((stamp, at) => stamp === stamps[at]);
  return isUnwritten && (floor === null || (entry.point !== null && isAtLeast(entry.point, floor)));
}

/** Places on different timelines, or of different clusters, cannot be compared: then neither is. */
export function isAtLeast(one: ConsistencyPoint, other: ConsistencyPoint): boolean {
  return one.systemIdentifier === other.systemIdentifier && one.timeline === other.timeline && one.lsn >= other.lsn;
}
