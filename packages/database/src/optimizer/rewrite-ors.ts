import type { Rewrite } from './rewrite-edit.ts';
import type { ParsedStatement } from './statement.ts';
import { allOf, type Body, bodyOf, columnOf, itemsOf, locationOf, namesOf, shapeOf } from './syntax.ts';
import { TokenReader } from './token-reader.ts';

/** Fewer are read as well as an IN list. */
const CHAIN_MIN = 3;

/** `column operator value` as it stands in the text: the tokens `from` to `to`, both included. */
type Comparison = {
  readonly column: string;
  readonly columnText: string;
  readonly operator: string;
  readonly valueText: string;
  readonly from: number;
  readonly to: number;
};

/**
 * `a = 1 OR a = 2 OR a = 3` is `a IN (1, 2, 3)`, nulls included: both are unknown where `a` is null.
 * `a > 1 OR a = 1 AND b > 2` is `(a, b) > (1, 2)`, which an index on (a, b) serves; where `a` equals and `b`
 * is null both are unknown, where `a` is null both are, and elsewhere both are decided by `a` alone.
 */
export function rewriteOrs(statement: ParsedStatement): readonly Rewrite[] {
  const reader = new TokenReader(statement.tokens);
  return allOf(statement.tree, 'BoolExpr')
    .filter((bool) => bool['boolop'] === 'OR_EXPR')
    .flatMap((bool) => {
      const args = itemsOf(bool['args']);
      return toInList(args, reader) ?? toRow(args, reader) ?? [];
    });
}

function toInList(args: readonly unknown[], reader: TokenReader): Rewrite | null {
  if (args.length < CHAIN_MIN) return null;
  const parts = args.flatMap((arg) => readComparison(arg, reader) ?? []);
  const [first] = parts;
  const last = parts.at(-1);
  if (first === undefined || last === undefined || parts.length !== args.length) return null;
  const isChain = parts.every((part, index) => {
    const before = parts[index - 1];
    const follows = before === undefined || (reader.is(before.to + 1, 'OR') && before.to + 2 === part.from);
    return follows && part.operator === '=' && part.column === first.column;
  });
  // A list has one type for all its values; of unlike ones each comparison has its own.
  const kinds = new Set(args.map((arg) => valueKind(bodyOf(arg, 'A_Expr')?.['rexpr'])));
  if (!isChain || kinds.size > 1) return null;
  const text = `${first.columnText} IN (${parts.map((part) => part.valueText).join(', ')})`;
  return {
    rule: 'or-chain',
    did: `${args.length} comparisons of ${first.columnText} joined by OR became one IN list`,
    edits: [{ start: reader.start(first.from), end: reader.end(last.to), text }],
  };
}

function toRow(args: readonly unknown[], reader: TokenReader): Rewrite | null {
  const [beyond, tie, ...more] = args;
  const both = bodyOf(tie, 'BoolExpr');
  if (more.length > 0 || both?.['boolop'] !== 'AND_EXPR') return null;
  const parts = [beyond, ...itemsOf(both['args'])].flatMap((arg) => readComparison(arg, reader) ?? []);
  const [lead, equal, next, ...rest] = parts;
  if (lead === undefined || equal === undefined || next === undefined || rest.length > 0) return null;
  if (itemsOf(both['args']).length !== 2) return null;
  const isSameLead = lead.column === equal.column && lead.valueText === equal.valueText && equal.operator === '=';
  const isDirected = lead.operator === '>' || lead.operator === '<';
  const isSameWay = next.operator === lead.operator || next.operator === `${lead.operator}=`;
  if (!isSameLead || !isDirected || !isSameWay || next.column === lead.column) return null;
  const open = reader.is(lead.to + 2, '(') ? 1 : 0;
  const isPlain =
    reader.is(lead.to + 1, 'OR') &&
    equal.from === lead.to + 2 + open &&
    reader.is(equal.to + 1, 'AND') &&
    next.from === equal.to + 2 &&
    (open === 0 || reader.text(next.to + 1) === ')');
  if (!isPlain) return null;
  const text = `(${lead.columnText}, ${next.columnText}) ${next.operator} (${lead.valueText}, ${next.valueText})`;
  return {
    rule: 'keyset-or',
    did: `the comparison of ${lead.columnText} and, at a tie, of ${next.columnText} became one of rows`,
    edits: [{ start: reader.start(lead.from), end: reader.end(next.to + open), text }],
  };
}

function readComparison(node: unknown, reader: TokenReader): Comparison | null {
  const expression = bodyOf(node, 'A_Expr');
  if (expression?.['kind'] !== 'AEXPR_OP') return null;
  const [operator = '', ...schema] = namesOf(expression['name']);
  const reference = bodyOf(expression['lexpr'], 'ColumnRef');
  if (reference === null || schema.length > 0 || columnOf(expression['lexpr']) === null) return null;
  if (valueKind(expression['rexpr']) === null) return null;
  const from = reader.indexAt(locationOf(reference));
  const operatorAt = reader.indexAt(locationOf(expression));
  const isReached = operatorAt - from === 2 * itemsOf(reference['fields']).length - 1;
  if (from === -1 || !isReached || reader.text(operatorAt) !== operator) return null;
  const signed = reader.text(operatorAt + 1) === '-' ? 1 : 0;
  const to = operatorAt + 1 + signed;
  const pieces = (first: number, last: number) =>
    reader.tokens
      .slice(first, last + 1)
      .map((token) => token.text)
      .join('');
  return {
    column: shapeOf(reference),
    columnText: pieces(from, operatorAt - 1),
    operator,
    valueText: pieces(operatorAt + 1, to),
    from,
    to,
  };
}

/** A constant by its kind, or a parameter; null for a null and for all else. */
function valueKind(node: unknown): string | null {
  if (bodyOf(node, 'ParamRef') !== null) return 'parameter';
  const constant: Body | null = bodyOf(node, 'A_Const');
  return ['ival', 'fval', 'sval', 'boolval'].find((kind) => constant?.[kind] !== undefined) ?? null;
}
