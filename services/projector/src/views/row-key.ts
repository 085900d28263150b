/** A part of a row's key: its column, the text of its value, and how that text becomes a value again. */
export type KeyPart = {
  readonly column: string;
  /** Text of the part in the row that `alias` names. */
  readonly textOf: (alias: string) => string;
  /** The value of a text, as an expression over its parameter. */
  readonly valueOf: (parameter: string) => string;
  readonly pattern: RegExp;
  /** Whether every event that is about such a row carries this text, as it is, in its bytes. */
  readonly isInEvents: boolean;
};

/** A column of text that the events carry, too. */
export function textPart(column: string): KeyPart {
  return {
    column,
    isInEvents: true,
    textOf: (alias) => `${alias}.${column}`,
    valueOf: (parameter) => `${parameter}::text`,
    pattern: /^[A-Za-z0-9._:-]{1,64}$/,
  };
}

/** A column that says which side of a trade the row is. */
export function sidePart(column: string): KeyPart {
  return { ...textPart(column), pattern: /^(buy|sell)$/, isInEvents: false };
}

/** A column with a UTC minute, as `2021-01-08T00:01Z`. */
export function minutePart(column: string): KeyPart {
  return {
    column,
    isInEvents: false,
    textOf: (alias) => `to_char(${alias}.${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI"Z"')`,
    valueOf: (parameter) => `${parameter}::timestamptz`,
    pattern: /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}Z$/,
  };
}

/** The text of a UTC minute, given in microseconds. */
export function minuteText(micros: number): string {
  return `${new Date(micros / 1_000).toISOString().slice(0, 16)}Z`;
}

/** The text of a row's key, as an expression over the row that `alias` names. */
export function keyText(parts: readonly KeyPart[], alias: string): string {
  return parts.map(({ textOf }) => textOf(alias)).join(` || '/' || `);
}

/** The longest text that every event about the key carries in its bytes; null when there is none. */
export function traceOf(parts: readonly KeyPart[], given: readonly string[]): string | null {
  const carried = given.filter((_, index) => parts[index]?.isInEvents === true);
  return carried.toSorted((a, b) => b.length - a.length)[0] ?? null;
}

/** Whether a row's key is the given one or begins with all of its parts. */
export function matchesKey(rowKey: string, key: string): boolean {
  return rowKey === key || rowKey.startsWith(`${key}/`);
}

/** The parts of a key as it was written; null for what is no key of such rows. */
export function parseKey(parts: readonly KeyPart[], key: string): readonly string[] | null {
  const given = key.split('/');
  if (given.length > parts.length) return null;
  return given.every((text, index) => parts[index]?.pattern.test(text)) ? given : null;
}
