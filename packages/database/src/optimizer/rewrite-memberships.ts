import type { Rewrite } from './rewrite-edit.ts';
import type { ParsedStatement } from './statement.ts';
import { allOf, type Body, bodyOf, isBody, itemsOf, lastNameOf, locationOf, namesOf } from './syntax.ts';
import { TokenReader } from './token-reader.ts';

/** Subqueries of which only counts whether rows are there, or whether a value is among them. */
export function rewriteMemberships(statement: ParsedStatement): readonly Rewrite[] {
  const reader = new TokenReader(statement.tokens);
  return [
    ...allOf(statement.tree, 'SubLink').flatMap((link) => tidyMembership(link, reader)),
    ...allOf(statement.tree, 'A_Expr').flatMap((expression) => countToExists(expression, reader) ?? []),
  ];
}

const MEMBERSHIPS: ReadonlySet<unknown> = new Set(['EXISTS_SUBLINK', 'ANY_SUBLINK', 'ALL_SUBLINK']);

/** Neither the order of its rows nor how often each is there changes the answer, as long as none is cut off. */
function tidyMembership(link: Body, reader: TokenReader): readonly Rewrite[] {
  const select = bodyOf(link['subselect'], 'SelectStmt');
  if (select === null || !MEMBERSHIPS.has(link['subLinkType']) || isCut(select)) return [];
  const at = reader.indexAt(locationOf(link));
  const open = at === -1 ? -1 : reader.tokens.findIndex((token, index) => index >= at && token.text === '(');
  const close = open === -1 ? -1 : reader.closing(open);
  if (close === -1 || !reader.is(open + 1, 'SELECT')) return [];
  const found: Rewrite[] = [];
  const [order] = reader.within(open + 1, close, 'ORDER');
  const isDistinctOn = itemsOf(select['distinctClause']).some((each) => isBody(each) && Object.keys(each).length > 0);
  if (select['sortClause'] !== undefined && order !== undefined && !isDistinctOn) {
    found.push({
      rule: 'redundant-order',
      did: 'ORDER BY left a subquery whose order nobody sees',
      edits: [{ start: reader.end(order - 1), end: reader.start(close), text: '' }],
    });
  }
  if (select['distinctClause'] !== undefined && !isDistinctOn && reader.is(open + 2, 'DISTINCT')) {
    found.push({
      rule: 'redundant-distinct',
      did: 'DISTINCT left a subquery that is only searched',
      edits: [{ start: reader.end(open + 1), end: reader.end(open + 2), text: '' }],
    });
  }
  const unions = reader.within(open + 1, close, 'UNION').filter((index) => !reader.is(index + 1, 'ALL'));
  const isPlain = unions.every((index) => reader.is(index + 1, 'SELECT'));
  if (unions.length > 0 && isPlain && isUnionOnly(select)) {
    found.push({
      rule: 'redundant-distinct',
      did: 'UNION became UNION ALL in a subquery that is only searched',
      edits: unions.map((index) => ({ start: reader.end(index), end: reader.end(index), text: ' ALL' })),
    });
  }
  return found;
}

function isCut(select: Body): boolean {
  return ['limitCount', 'limitOffset', 'lockingClause', 'withClause'].some((field) => select[field] !== undefined);
}

/** Of A EXCEPT B and A INTERSECT B it matters how often a row is there. */
function isUnionOnly(select: Body): boolean {
  if (select['op'] === 'SETOP_NONE') return !isCut(select);
  return [select['larg'], select['rarg']].every(
    (arm) => select['op'] === 'SETOP_UNION' && isBody(arm) && isUnionOnly(arm),
  );
}

/** `(SELECT count(*) FROM t WHERE ...) > 0` reads every row to learn that there is one. */
function countToExists(expression: Body, reader: TokenReader): Rewrite | null {
  const wanted = existsFor(expression);
  const link = bodyOf(expression['lexpr'], 'SubLink');
  const select = bodyOf(link?.['subselect'], 'SelectStmt');
  if (wanted === null || link?.['subLinkType'] !== 'EXPR_SUBLINK' || select === null || !isBareCount(select))
    return null;
  const open = reader.indexAt(locationOf(link));
  const close = open === -1 ? -1 : reader.closing(open);
  const operator = reader.indexAt(locationOf(expression));
  const countEnd = open + 5; // ( SELECT count ( * )
  const isPlain =
    reader.is(open + 1, 'SELECT') &&
    reader.is(open + 2, 'COUNT') &&
    reader.text(countEnd) === ')' &&
    reader.is(countEnd + 1, 'FROM') &&
    operator === close + 1;
  if (close === -1 || !isPlain) return null;
  const isNegated = wanted === 'none';
  return {
    rule: 'count-to-exists',
    did: `a count compared with ${isNegated ? 'zero became NOT EXISTS' : 'zero became EXISTS'}`,
    edits: [
      {
        start: reader.start(open),
        end: reader.end(countEnd),
        text: isNegated ? '(NOT EXISTS (SELECT 1' : 'EXISTS (SELECT 1',
      },
      { start: reader.start(close), end: reader.end(operator + 1), text: isNegated ? '))' : ')' },
    ],
  };
}

function existsFor(expression: Body): 'some' | 'none' | null {
  const constant = bodyOf(bodyOf(expression['rexpr'], 'A_Const'), 'ival');
  if (expression['kind'] !== 'AEXPR_OP' || constant === null || namesOf(expression['name']).length !== 1) return null;
  const comparison = `${lastNameOf(expression['name'])} ${Number(constant['ival'] ?? 0)}`;
  if (['> 0', '>= 1', '<> 0'].includes(comparison)) return 'some';
  return ['= 0', '< 1'].includes(comparison) ? 'none' : null;
}

/** One `count(*)` over all rows: no grouping, which would give other rows, and nothing cut off. */
function isBareCount(select: Body): boolean {
  const [target, ...more] = itemsOf(select['targetList']);
  const call = bodyOf(bodyOf(target, 'ResTarget')?.['val'], 'FuncCall');
  const plain = ['groupClause', 'havingClause', 'distinctClause', 'windowClause', 'sortClause'];
  return (
    more.length === 0 &&
    call?.['agg_star'] === true &&
    namesOf(call['funcname']).join('.') === 'count' &&
    ['over', 'agg_filter'].every((field) => call[field] === undefined) &&
    select['op'] === 'SETOP_NONE' &&
    select['fromClause'] !== undefined &&
    !isCut(select) &&
    plain.every((field) => select[field] === undefined)
  );
}
