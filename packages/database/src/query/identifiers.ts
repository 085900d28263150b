import { invalidQuery } from './invalid-query.ts';

/** Bytes of a name that PostgreSQL keeps; it would cut a longer one and may then mean another object. */
const NAME_BYTES_MAX = 63;
const NAME = /^(?:[A-Za-z_][A-Za-z0-9_$]*|"(?:[^"\0]|"")+")/;

/**
 * A name as PostgreSQL reads it, quoted: one without quotes is folded to lower case, one in double
 * quotes is taken as it is.
 * @throws {DatabaseError} DB_QUERY_INVALID
 */
export function quoteName(name: string): string {
  const [whole] = NAME.exec(name) ?? [];
  if (whole !== name) throw invalidQuery(`${shown(name)} is no name`);
  return quoted(name);
}

/** As `quotePath`, for a place where one column must stand: no `*`. @throws {DatabaseError} DB_QUERY_INVALID */
export function quoteColumn(path: string): string {
  if (path.endsWith('*')) throw invalidQuery(`${shown(path)} is more than one column`);
  return quotePath(path);
}

/** `t.id`, `schema.table` or `t.*`, each part quoted. @throws {DatabaseError} DB_QUERY_INVALID */
export function quotePath(path: string): string {
  const parts = splitPath(path);
  if (parts === null) throw invalidQuery(`${shown(path)} is no column or table`);
  return parts.map((part) => (part === '*' ? '*' : quoted(part))).join('.');
}

/** A table and its alias: `trades t`, `trades AS t`, `app.trades`. @throws {DatabaseError} DB_QUERY_INVALID */
export function quoteTable(table: string): string {
  const [path = '', alias, ...rest] = words(table);
  if (rest.length > 0 || path === '' || path.endsWith('*')) throw invalidQuery(`${shown(table)} is no table`);
  return alias === undefined ? quotePath(path) : `${quotePath(path)} AS ${quoteName(alias)}`;
}

/** A name as the server's catalog has it, quoted: nothing is folded, and a quote in it is a part of it. */
export function quoteIdentifier(exact: string): string {
  return `"${exact.replaceAll('"', '""')}"`;
}

/** The words of a short text, without an `AS` between two of them. */
export function words(text: string): readonly string[] {
  const found = text.match(/"(?:[^"]|"")*"(?:\."(?:[^"]|"")*"|\.[^\s"]+)*|[^\s"]+(?:"(?:[^"]|"")*"|[^\s"]+)*/g) ?? [];
  return found.filter((word, index) => !(index > 0 && index === found.length - 2 && /^as$/i.test(word)));
}

/** For a message: never more than a short piece, and nothing that a log could take for a line of its own. */
export function shown(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
}

/** The parts of a path; null when it is none. */
function splitPath(path: string): readonly string[] | null {
  const parts: string[] = [];
  for (let rest = path; ; ) {
    if (rest === '*') return [...parts, '*'];
    const [name] = NAME.exec(rest) ?? [];
    if (name === undefined) return null;
    parts.push(name);
    rest = rest.slice(name.length);
    if (rest === '') return parts.length <= 3 ? parts : null;
    if (!rest.startsWith('.')) return null;
    rest = rest.slice(1);
  }
}

function quoted(name: string): string {
  const inner = name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name.toLowerCase();
  if (Buffer.byteLength(inner) > NAME_BYTES_MAX)
    throw invalidQuery(`${shown(name)} is longer than ${NAME_BYTES_MAX} bytes`);
  return `"${inner.replaceAll('"', '""')}"`;
}
