/** From 1970 to the end of 2200, in microseconds: what executedAt may be. */
const MICROS_MAX = Date.UTC(2201, 0, 1) * 1000;

const ISO_TIME =
  /^([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,3}))?)?(Z|[+-][0-9]{2}(?::?[0-9]{2})?)$/;

/**
 * Microseconds since the epoch of an ISO 8601 time with `Z` or an offset and at most milliseconds,
 * within the years 1970 to 2200 UTC; null for any other text, a day that does not exist included.
 */
export function parseTime(text: string): number | null {
  const parts = ISO_TIME.exec(text);
  if (parts === null) return null;
  const [, year = '', month = '', day = '', hour = '', minute = '', second = '00', fraction = '', zone = ''] = parts;
  const offsetMinutes = parseOffset(zone);
  if (offsetMinutes === null || Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return null;
  const midnightMs = Date.UTC(Number(year), Number(month) - 1, Number(day));
  // Date.UTC carries the 30th of February over into March, and reads years below 100 as of the 20th century.
  if (!new Date(midnightMs).toISOString().startsWith(`${year}-${month}-${day}T`)) return null;
  const minutes = Number(hour) * 60 + Number(minute) - offsetMinutes;
  const micros = (midnightMs + minutes * 60_000 + Number(second) * 1000 + Number(fraction.padEnd(3, '0'))) * 1000;
  return micros >= 0 && micros < MICROS_MAX ? micros : null;
}

/** As answers carry it: UTC with milliseconds. What is finer is cut off. */
export function formatTime(micros: number): string {
  return new Date(Math.floor(micros / 1000)).toISOString();
}

function parseOffset(zone: string): number | null {
  if (zone === 'Z') return 0;
  const digits = zone.slice(1).replace(':', '').padEnd(4, '0');
  const [hours, minutes] = [Number(digits.slice(0, 2)), Number(digits.slice(2))];
  if (hours > 23 || minutes > 59) return null;
  return (zone.startsWith('-') ? -1 : 1) * (hours * 60 + minutes);
}
