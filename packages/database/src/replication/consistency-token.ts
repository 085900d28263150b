import { DatabaseError } from '../errors.ts';
import { formatLsn, parseLsn } from './lsn.ts';

/** What a reader must see at least: the log up to a place, on a timeline of a cluster. */
export type ConsistencyPoint = {
  readonly systemIdentifier: string;
  readonly timeline: number;
  readonly lsn: bigint;
};

/** A text for clients to keep and give back; its form is not theirs to read. */
export function formatToken(point: ConsistencyPoint): string {
  return `${point.systemIdentifier}.${point.timeline}.${formatLsn(point.lsn).replace('/', '-')}`;
}

/** @throws {DatabaseError} DB_CONFIG_INVALID for what is no token */
export function parseToken(text: string): ConsistencyPoint {
  const found = /^(\d{1,20})\.(\d{1,10})\.([0-9A-F]{1,8})-([0-9A-F]{1,8})$/.exec(text);
  if (found === null)
    throw new DatabaseError('DB_CONFIG_INVALID', { detail: 'the consistency token has no valid form' });
  const [, systemIdentifier = '', timeline, high, low] = found;
  return { systemIdentifier, timeline: Number(timeline), lsn: parseLsn(`${high}/${low}`) };
}

/** The one that asks for more: of two clusters none does, and the later one is taken. */
export function laterPoint(one: ConsistencyPoint | null, other: ConsistencyPoint | null): ConsistencyPoint | null {
  if (one === null || other === null) return one ?? other;
  if (one.systemIdentifier !== other.systemIdentifier) return other;
  if (one.timeline !== other.timeline) return one.timeline > other.timeline ? one : other;
  return one.lsn > other.lsn ? one : other;
}
