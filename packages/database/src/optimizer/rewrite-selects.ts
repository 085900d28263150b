import type { Rewrite } from './rewrite-edit.ts';
import type { ParsedStatement } from './statement.ts';
import { allOf, type Body, bodyOf, columnOf, isBody, itemsOf, locationOf, namesOf, shapeOf } from './syntax.ts';
import { TokenReader } from './token-reader.ts';

const ONE_VALUE: ReadonlySet<string> = new Set(['count', 'sum', 'min', 'max', 'avg']);
const CUTS = ['limitCount', 'limitOffset', 'lockingClause', 'sortClause', 'withClause'] as const;

/** DISTINCT where rows are distinct already, or are made so right above. */
export function rewriteSelects(statement: ParsedStatement): readonly Rewrite[] {
  const reader = new TokenReader(statement.tokens);
  const selects = allOf(statement.tree, 'SelectStmt');
  return [
    ...selects
      .filter((select) => isGroupedByItsRows(select))
      .flatMap((select) => withoutDistinct(select, reader, 'DISTINCT left rows that GROUP BY makes distinct')),
    ...selects
      .filter((select) => select['op'] === 'SETOP_UNION' && select['all'] !== true)
      .flatMap((select) => [select['larg'], select['rarg']])
      .filter((arm): arm is Body => isBody(arm) && arm['op'] === 'SETOP_NONE' && CUTS.every((cut) => !(cut in arm)))
      .flatMap((arm) =>
        withoutDistinct(arm, reader, 'DISTINCT left an arm of a UNION, which removes duplicates itself'),
      ),
  ];
}

function withoutDistinct(select: Body, reader: TokenReader, did: string): readonly Rewrite[] {
  const distinct = itemsOf(select['distinctClause']);
  const isPlain = distinct.length === 1 && isBody(distinct[0]) && Object.keys(distinct[0]).length === 0;
  const [target] = itemsOf(select['targetList']);
  const at = reader.indexAt(locationOf(bodyOf(target, 'ResTarget') ?? {})) - 1;
  if (!isPlain || !reader.is(at, 'DISTINCT')) return [];
  return [{ rule: 'redundant-distinct', did, edits: [{ start: reader.end(at - 1), end: reader.end(at), text: '' }] }];
}

/** Every column that it groups by is in its rows, beside aggregates alone. */
function isGroupedByItsRows(select: Body): boolean {
  const groups = itemsOf(select['groupClause']);
  if (groups.length === 0 || groups.some((group) => columnOf(group) === null)) return false;
  const values = itemsOf(select['targetList']).map((target) => bodyOf(target, 'ResTarget')?.['val']);
  const columns = new Set(values.filter((value) => columnOf(value) !== null).map((value) => shapeOf(value)));
  return (
    groups.every((group) => columns.has(shapeOf(group))) &&
    // A set-returning function would give a row several times.
    values.every((value) => columnOf(value) !== null || isAggregate(value))
  );
}

function isAggregate(value: unknown): boolean {
  const call = bodyOf(value, 'FuncCall');
  const [name = '', ...schema] = namesOf(call?.['funcname']);
  return call !== null && schema.length === 0 && ONE_VALUE.has(name) && call['over'] === undefined;
}
