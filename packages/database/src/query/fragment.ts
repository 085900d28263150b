import { invalidQuery } from './invalid-query.ts';

/**
 * A piece of SQL with values between its texts: `texts` has one entry more than `values`. Values never
 * become text; they are numbered when the whole statement is built.
 */
export type Fragment = { readonly texts: readonly string[]; readonly values: readonly unknown[] };

export const EMPTY: Fragment = { texts: [''], values: [] };

/** Text without values. Of our own or checked before: it is not looked at here. */
export function plain(text: string): Fragment {
  return { texts: [text], values: [] };
}

/** One value. @throws {DatabaseError} DB_QUERY_INVALID when it is undefined */
export function value(given: unknown, what = 'a value'): Fragment {
  if (given === undefined) throw invalidQuery(`${what} is undefined`);
  return { texts: ['', ''], values: [given] };
}

/** The fragments one after the other, with a text between them. */
export function joined(fragments: readonly Fragment[], separator: string): Fragment {
  const texts: string[] = [];
  const values: unknown[] = [];
  let open = '';
  for (const [index, fragment] of fragments.entries()) {
    const [first = '', ...rest] = fragment.texts;
    open += index === 0 ? first : separator + first;
    for (const text of rest) {
      texts.push(open);
      open = text;
    }
    values.push(...fragment.values);
  }
  return { texts: [...texts, open], values };
}

/** Texts and fragments in their order: `of('WHERE ', condition)`. */
export function of(...parts: readonly (string | Fragment)[]): Fragment {
  return joined(
    parts.map((part) => (typeof part === 'string' ? plain(part) : part)),
    '',
  );
}

export function isFragment(candidate: unknown): candidate is Fragment {
  return typeof candidate === 'object' && candidate !== null && RAW in candidate;
}

/** Marks what `sql` made, so that a row from outside with the same fields is no fragment. */
const RAW = Symbol('sql');

/**
 * SQL that the builder has no call for, with its values in place:
 * ``sql`count(*) FILTER (WHERE side = ${side})` ``. The text is the program's own and is not checked;
 * what stands in `${}` becomes a parameter, or is another such piece.
 */
export function sql(texts: TemplateStringsArray, ...given: readonly unknown[]): Fragment {
  const parts = texts.flatMap((text, index): (string | Fragment)[] => {
    if (index >= given.length) return [text];
    const each = given[index];
    return [text, isFragment(each) ? each : value(each, `value ${index + 1} of the SQL text`)];
  });
  return Object.freeze({ ...of(...parts), [RAW]: true });
}
