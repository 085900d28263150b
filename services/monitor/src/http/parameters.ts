import { AppError, HttpProblem } from '@tradestream/runtime';
import { MonitorError } from '../errors.ts';

const TEXT_CHARACTERS_MAX = 500;
const LIMIT = { fallback: 100, max: 1_000 } as const;
const TIME_MS = { min: 0, max: 253_402_300_799_999 } as const;
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

/** ISO 8601, or seconds since the epoch; as milliseconds. */
export function timeOf(field: string, given: unknown): number {
  const text = typeof given === 'string' ? given : '';
  // Date.parse alone finds a time in nearly any text that has a number in it, and takes 31 February for 3 March.
  const day = /^\d{4}-\d{2}-\d{2}/.exec(text)?.[0];
  const isDay = day !== undefined && new Date(Date.parse(day)).getUTCDate() === Number(day.slice(-2));
  const parsedMs = isDay ? Date.parse(text) : Number.NaN;
  const timeMs = /^\d{1,12}(\.\d+)?$/.test(text) ? Number(text) * 1_000 : parsedMs;
  if (!(timeMs >= TIME_MS.min && timeMs <= TIME_MS.max))
    throw refused(field, 'a time in ISO 8601 of the years 1970 to 9999, or seconds since the epoch');
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
