import { EMPTY, type Fragment, joined, of, plain } from './fragment.ts';

export type SelectParts = {
  readonly recursive: boolean;
  readonly ctes: readonly Fragment[];
  readonly distinct: Fragment | null;
  readonly columns: readonly Fragment[];
  readonly from: Fragment | null;
  readonly joins: readonly Fragment[];
  readonly where: Fragment | null;
  readonly groups: readonly Fragment[];
  readonly having: Fragment | null;
  readonly sets: readonly Fragment[];
  readonly orders: readonly Fragment[];
  readonly limit: Fragment | null;
  readonly offset: Fragment | null;
  readonly lock: string | null;
};

export const NOTHING: SelectParts = {
  recursive: false,
  ctes: [],
  distinct: null,
  columns: [],
  from: null,
  joins: [],
  where: null,
  groups: [],
  having: null,
  sets: [],
  orders: [],
  limit: null,
  offset: null,
  lock: null,
};

/** The statement in the order of its clauses. */
export function renderSelect(parts: SelectParts): Fragment {
  const columns = parts.columns.length === 0 ? plain('*') : joined(parts.columns, ', ');
  const clauses = [
    renderWith(parts),
    of('SELECT ', parts.distinct === null ? EMPTY : of(parts.distinct, ' '), columns),
    parts.from === null ? null : of('FROM ', parts.from),
    ...parts.joins,
    clause('WHERE ', parts.where),
    parts.groups.length === 0 ? null : of('GROUP BY ', joined(parts.groups, ', ')),
    clause('HAVING ', parts.having),
    ...parts.sets,
    parts.orders.length === 0 ? null : of('ORDER BY ', joined(parts.orders, ', ')),
    clause('LIMIT ', parts.limit),
    clause('OFFSET ', parts.offset),
    parts.lock === null ? null : plain(parts.lock),
  ];
  return present(clauses);
}

export function renderWith(parts: {
  readonly ctes: readonly Fragment[];
  readonly recursive: boolean;
}): Fragment | null {
  if (parts.ctes.length === 0) return null;
  return of(parts.recursive ? 'WITH RECURSIVE ' : 'WITH ', joined(parts.ctes, ', '));
}

export function clause(keyword: string, content: Fragment | null): Fragment | null {
  return content === null ? null : of(keyword, content);
}

/** The clauses that are there, with blanks between them. */
export function present(clauses: readonly (Fragment | null)[]): Fragment {
  return joined(
    clauses.filter((each) => each !== null),
    ' ',
  );
}

/** Both conditions, or the one that is there. */
export function both(left: Fragment | null, right: Fragment): Fragment {
  return left === null ? right : of(left, ' AND ', right);
}

/** Either what was asked before, or this. */
export function either(left: Fragment | null, right: Fragment): Fragment {
  return left === null ? right : of('((', left, ') OR ', right, ')');
}
