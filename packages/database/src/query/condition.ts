import { type Fragment, isFragment, joined, of, plain, value } from './fragment.ts';
import { quoteColumn, shown } from './identifiers.ts';
import { invalidQuery } from './invalid-query.ts';

/** Columns and what they must equal: null means IS NULL, a list means any of them. */
export type Equals = Readonly<Record<string, unknown>>;

/** A condition: a text with `?` for each value, columns with what they must equal, or an `sql` piece. */
export type Condition = string | Equals | Fragment;

/** Words that would end a condition and start another clause. */
const CLAUSES = new Set(
  'union intersect except order group having limit offset fetch for returning window into values select insert update delete merge truncate drop alter create grant copy'.split(
    ' ',
  ),
);
const TOKEN =
  /\s+|[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*|"(?:[^"\0]|"")+"|\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|\?\?|[()?,.[\]:]|[-+*/<>=~!@#%^&|]+/y;

/** @throws {DatabaseError} DB_QUERY_INVALID */
export function conditionOf(condition: Condition, values: readonly unknown[]): Fragment {
  if (isFragment(condition)) return of('(', condition, ')');
  if (typeof condition === 'string') return of('(', textCondition(condition, values), ')');
  const columns = Object.entries(condition);
  if (columns.length === 0) throw invalidQuery('a condition names no column');
  return joined(
    columns.map(([column, wanted]) => equals(column, wanted)),
    ' AND ',
  );
}

/**
 * A text with its values. Checked word by word: no literal, comment, parameter or second statement
 * may stand in it, brackets are closed, and what it compares with null is refused, since that is
 * never true.
 */
export function textCondition(text: string, values: readonly unknown[]): Fragment {
  const texts: string[] = [''];
  let depth = 0;
  TOKEN.lastIndex = 0;
  for (let at = 0; at < text.length; at = TOKEN.lastIndex) {
    TOKEN.lastIndex = at;
    const [token] = TOKEN.exec(text) ?? [];
    if (token === undefined) throw invalidQuery(refusal(text, at));
    if (token.includes('--') || token.includes('/*')) throw invalidQuery(`a comment in ${shown(text)}`);
    depth += token === '(' ? 1 : token === ')' ? -1 : 0;
    if (depth < 0) throw invalidQuery(`a bracket that was not opened in ${shown(text)}`);
    if (depth === 0 && CLAUSES.has(token.toLowerCase()))
      throw invalidQuery(`${token} does not belong in ${shown(text)}`);
    if (token === '?') texts.push('');
    else texts[texts.length - 1] += token === '??' ? '?' : token;
  }
  if (depth > 0) throw invalidQuery(`a bracket that is not closed in ${shown(text)}`);
  if (text.trim() === '') throw invalidQuery('a condition is empty');
  if (texts.length - 1 !== values.length) {
    throw invalidQuery(`${texts.length - 1} placeholders and ${values.length} values in ${shown(text)}`);
  }
  for (const [index, each] of values.entries()) refuseNull(texts[index] ?? '', each, text);
  return joined(
    texts.flatMap((each, index) => (index < values.length ? [plain(each), value(values[index])] : [plain(each)])),
    '',
  );
}

function equals(column: string, wanted: unknown): Fragment {
  const name = quoteColumn(column);
  if (wanted === null) return plain(`${name} IS NULL`);
  if (isFragment(wanted)) return of(`${name} = (`, wanted, ')');
  if (Array.isArray(wanted)) return listed(name, wanted, false);
  return of(`${name} = `, value(wanted, `the value of ${shown(column)}`));
}

/** One parameter for the whole list, so that its length makes no other statement. */
export function listed(name: string, list: readonly unknown[], not: boolean): Fragment {
  const known = list.filter((each) => each !== null);
  if (known.includes(undefined)) throw invalidQuery(`a value of the list for ${name} is undefined`);
  const inList =
    known.length === 0 ? plain(not ? 'TRUE' : 'FALSE') : of(`${name} ${not ? '<> ALL' : '= ANY'} (`, value(known), ')');
  if (known.length === list.length) return inList;
  return of('(', inList, not ? ` AND ${name} IS NOT NULL)` : ` OR ${name} IS NULL)`);
}

function refuseNull(before: string, each: unknown, text: string): void {
  if (each === null && /(=|<>|!=|<|>)\s*$/.test(before)) {
    throw invalidQuery(
      `a comparison with null is never true in ${shown(text)}: use IS NULL, whereNull or {column: null}`,
    );
  }
}

const REFUSALS: ReadonlyMap<string, string> = new Map([
  ["'", 'a literal: write ? and give the value'],
  ['$', 'a numbered parameter: write ?'],
  [';', 'a second statement'],
]);

function refusal(text: string, at: number): string {
  const character = text[at] ?? '';
  return `${REFUSALS.get(character) ?? `${shown(character)} does not belong here`}, at ${at} in ${shown(text)}`;
}
