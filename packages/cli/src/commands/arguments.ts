import { parseTime } from '@tradestream/contracts';
import { InvalidArgumentError } from 'commander';

/** What an option for a time takes, for its help. */
export const TIME = 'ISO 8601 with Z or an offset, as 2026-01-31T08:00:00Z';

/** A time as the services take it. Without a zone it would mean another time on another machine. */
export function time(text: string): string {
  if (parseTime(text) === null) throw new InvalidArgumentError(`It must be a time in ${TIME}.`);
  return text;
}

/** Reads a whole number within a range, both ends included. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,12}$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= min && value <= max))
      throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
    return value;
  };
}
