import { DatabaseError } from './errors.ts';
import type { Statement } from './session.ts';

/** A statement's text and values, or the text alone with its values beside it. */
export type StatementInput = string | { readonly text: string; readonly values?: readonly unknown[] };

type Translated = { readonly text: string; readonly count: number };

const KEPT_MAX = 1_000;
const kept = new Map<string, Translated>();

/**
 * The statement for PostgreSQL: each `?` outside of quotes and comments becomes `$1`, `$2`, ...;
 * `??` is an operator's question mark. A text that has `$1` itself, or no values, is left as it is.
 * @throws {DatabaseError} DB_PLACEHOLDERS when there are more or fewer values than marks, or one is undefined
 */
export function toStatement(input: StatementInput, values?: readonly unknown[]): Statement {
  const given =
    typeof input === 'string' ? { text: input, values } : { text: input.text, values: values ?? input.values };
  const bound = given.values ?? [];
  if (bound.length === 0) return { text: given.text };
  const undefinedAt = bound.indexOf(undefined);
  if (undefinedAt !== -1) {
    throw new DatabaseError('DB_PLACEHOLDERS', { context: { value: undefinedAt + 1 }, detail: 'a value is undefined' });
  }
  const { text, count } = translated(given.text);
  if (count !== bound.length) {
    throw new DatabaseError('DB_PLACEHOLDERS', { context: { placeholders: count, values: bound.length } });
  }
  return { text, values: bound };
}

/** A text with `?` as the server reads it: with `$1`. For what is looked at without its values. */
export function numberMarks(text: string): string {
  return translated(text).text;
}

function translated(text: string): Translated {
  const known = kept.get(text);
  if (known !== undefined) return known;
  const made = translate(text);
  if (kept.size >= KEPT_MAX) kept.delete(kept.keys().next().value ?? '');
  kept.set(text, made);
  return made;
}

function translate(text: string): Translated {
  let out = '';
  let marks = 0;
  let highest = 0;
  for (let at = 0; at < text.length; ) {
    const end = endOfQuoted(text, at);
    if (end > at) {
      out += text.slice(at, end);
      at = end;
      continue;
    }
    const numbered = text[at] === '$' ? /^\$(\d+)/.exec(text.slice(at, at + 8)) : null;
    if (numbered !== null) highest = Math.max(highest, Number(numbered[1]));
    if (text[at] === '?' && text[at + 1] === '?') {
      out += '?';
      at += 2;
    } else if (text[at] === '?') {
      marks += 1;
      out += `$${marks}`;
      at += 1;
    } else {
      out += text[at];
      at += 1;
    }
  }
  return highest > 0 ? { text, count: highest } : { text: out, count: marks };
}

/** The end of the quoted text or comment that starts at `at`; `at` itself when none does. */
function endOfQuoted(text: string, at: number): number {
  const here = text[at];
  if (here === "'") return endOfString(text, at + 1, isEscapeString(text, at));
  if (here === '"') return closing(text, '"', at + 1);
  if (here === '-' && text[at + 1] === '-') return closing(text, '\n', at);
  if (here === '/' && text[at + 1] === '*') return endOfComment(text, at);
  if (here === '$' && !isWordCharacter(text[at - 1])) {
    const tag = /^\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$/.exec(text.slice(at, at + 65));
    if (tag !== null) return closing(text, tag[0], at + tag[0].length);
  }
  return at;
}

function endOfString(text: string, from: number, escapes: boolean): number {
  for (let at = from; at < text.length; at += 1) {
    if (escapes && text[at] === '\\') at += 1;
    else if (text[at] === "'") return at + 1; // a doubled quote starts the next string at once
  }
  return text.length;
}

/** `E'...'`, where a backslash hides the next character. */
function isEscapeString(text: string, at: number): boolean {
  const letter = text[at - 1];
  return (letter === 'E' || letter === 'e') && !isWordCharacter(text[at - 2]);
}

function endOfComment(text: string, from: number): number {
  let depth = 0;
  for (let at = from; at < text.length; at += 1) {
    const pair = text.slice(at, at + 2);
    if (pair === '/*') depth += 1;
    else if (pair === '*/') depth -= 1;
    else continue;
    at += 1;
    if (depth === 0) return at + 1;
  }
  return text.length;
}

function closing(text: string, mark: string, from: number): number {
  const at = text.indexOf(mark, from);
  return at === -1 ? text.length : at + mark.length;
}

function isWordCharacter(character: string | undefined): boolean {
  return character !== undefined && /[\w$\u0080-\uffff]/.test(character);
}
