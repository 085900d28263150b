import { parseTime } from '@tradestream/contracts';
import { AppError, HttpProblem } from '@tradestream/runtime';
import { MonitorError } from '../errors.ts';

const TEXT_CHARACTERS_MAX = 500;
const TIME_RULE = 'ISO 8601 with Z or an offset, at most milliseconds, from 1970 to 2200, or seconds since the epoch';
const LIMIT = { fallback: 100, max: 1_000 } as const;
const TIME_MS_END = Date.UTC(2201, 0, 1);
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** A parameter that breaks its rule: 400, with both. */
export function refused(field: string, rule: string): HttpProblem {
  return new HttpProblem({
    status: 400,
    code: 'INVALID_PARAMETER',
    title: `${field}: ${rule}`,
    extra: { field, rule },
  });
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Text that the database can hold, as JSON too: half a surrogate pair is none. */
export function isText(value: unknown): value is string {
  return (
    typeof value === 'string' &&
    value.length > 0 &&
    value.length <= TEXT_CHARACTERS_MAX &&
    !value.includes('\u0000') &&
    value.isWellFormed()
  );
}

/** A body that is something else than an object would count as none, and what it says as not said. */
export async function refuseOtherBodies({ body }: { readonly body: unknown }): Promise<void> {
  if (body !== undefined && body !== null && !isRecord(body)) throw refused('body', 'an object');
}

export function isUuid(value: unknown): value is string {
  return typeof value === 'string' && UUID.test(value);
}

/** Why an operator does what he does: kept in the audit. */
export function whyOf(given: unknown): string {
  if (given === undefined) return 'no reason given';
  if (!isText(given) || given.trim() === '') throw refused('why', `a reason of 1 to ${TEXT_CHARACTERS_MAX} characters`);
  return given;
}

export function limitOf(given: unknown): number {
  if (given === undefined) return LIMIT.fallback;
  const limit = typeof given === 'string' && /^\d{1,4}$/.test(given) ? Number(given) : 0;
  if (limit < 1 || limit > LIMIT.max) throw refused('limit', `a whole number from 1 to ${LIMIT.max}`);
  return limit;
}

/**
 * ISO 8601 as the gateway takes it, or seconds since the epoch; as milliseconds. Without a zone it would be another
 * time for whoever asks from elsewhere: it is refused.
 */
export function timeOf(field: string, given: unknown): number {
  const text = typeof given === 'string' ? given : '';
  const isSeconds = /^\d{1,12}(\.\d+)?$/.test(text);
  const timeMs = isSeconds ? Number(text) * 1_000 : (parseTime(text) ?? Number.NaN) / 1_000;
  if (!(timeMs < TIME_MS_END)) throw refused(field, TIME_RULE);
  return timeMs;
}

/** A field that nobody knows is refused: a misspelt filter must not mean everything. */
export function requireKnown(given: Readonly<Record<string, unknown>>, known: readonly string[]): void {
  const unknown = Object.keys(given).find((field) => !known.includes(field));
  if (unknown !== undefined) throw refused(unknown, `not known here; known are ${known.join(', ')}`);
}

/** What the state of things forbids: 409, with code, message and advice. */
export function conflict(error: AppError): HttpProblem {
  const { code, message: title, advice } = error;
  return new HttpProblem({ status: 409, code, title, extra: { advice }, cause: error });
}

/** The answer of work that needs the database or the registry: 503 while that is away. 409 where a job of the kind is under way. */
export async function answering<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof MonitorError && error.code === 'JOB_UNDER_WAY') throw conflict(error);
    if (!(error instanceof AppError) || error.retry === 'never') throw error;
    throw new HttpProblem({
      status: 503,
      code: error.code,
      title: 'what this needs does not answer; ask again',
      headers: { 'retry-after': '2' },
      cause: error,
    });
  }
}
