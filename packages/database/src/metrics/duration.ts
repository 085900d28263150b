import { DatabaseError } from '../errors.ts';

const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** Milliseconds of `7d`, `12h`, `30m`, `10s`, `500ms`, or of a number. @throws {DatabaseError} DB_CONFIG_INVALID */
export function parseDuration(given: string | number, name: string): number {
  const found = /^(\d{1,12})(ms|s|m|h|d)$/.exec(typeof given === 'number' ? `${given}ms` : given);
  const unit = found?.[2];
  if (found === null || !isUnit(unit)) {
    throw new DatabaseError('DB_CONFIG_INVALID', { detail: `${name} must be like 7d, 12h, 30m, 10s or 500ms` });
  }
  return Number(found[1]) * UNIT_MS[unit];
}

function isUnit(text: string | undefined): text is keyof typeof UNIT_MS {
  return text !== undefined && Object.hasOwn(UNIT_MS, text);
}
