import { expressionShape, wrappedIn } from './find-conditions.ts';
import { nodesOf, type PlanNode } from './plan.ts';
import type { Finding, IndexAdvice, SequentialScan } from './query-analysis.ts';
import type { ParsedStatement } from './statement.ts';
import { allOf, bodyOf, columnOf, itemsOf, lastNameOf, namesOf, parseExpression } from './syntax.ts';
import type { Facts } from './table-facts.ts';

/** Of a table's rows; a scan that gives more is the right way to read them. */
const FRACTION_MAX = 0.2;
const COMPARISONS: ReadonlySet<string> = new Set(['=', '<>', '<', '>', '<=', '>=']);

export function sequentialScans(plan: PlanNode, facts: Facts, largeTableRows: number): readonly SequentialScan[] {
  return nodesOf(plan).flatMap((node) => {
    const known = facts.of(node);
    if (node.type !== 'Seq Scan' || known === null || known.rows < largeTableRows) return [];
    return [{ table: known.table, tableRows: known.rows, rows: node.rows, condition: node.filter }];
  });
}

/** What the plan shows beside what the text does. */
export function findInPlan(options: {
  readonly statement: ParsedStatement;
  readonly plan: PlanNode;
  readonly facts: Facts;
  readonly scans: readonly SequentialScan[];
  readonly indexes: readonly IndexAdvice[];
}): readonly Finding[] {
  const { scans, indexes } = options;
  const wasteful = scans.filter((scan) => scan.condition !== null && scan.rows <= FRACTION_MAX * scan.tableRows);
  return [
    ...implicitCasts(options),
    ...wasteful.map((scan) => ({
      rule: 'sequential-scan' as const,
      severity: 'warning' as const,
      message: `all of ${scan.table}, about ${Math.round(scan.tableRows)} rows, is read to find about ${Math.round(scan.rows)}`,
      table: scan.table,
      columns: [],
      rewritable: false,
    })),
    ...indexes.map(({ table, columns, gain, basis }) => ({
      rule: 'missing-index' as const,
      severity: 'warning' as const,
      message: `an index on ${table} (${columns.join(', ')}) saves ${Math.round(gain * 100)} % of the cost, by ${
        basis === 'estimate' ? 'an estimate' : "the planner's word"
      }`,
      table,
      columns: columns.map((column) => column.replace(/ DESC$/, '')),
      rewritable: false,
    })),
  ];
}

/** Findings on expressions for which there is an index are none. */
export function withoutIndexedExpressions(
  findings: readonly Finding[],
  statement: ParsedStatement,
  facts: Facts,
): readonly Finding[] {
  const indexed = new Set(
    facts.tables
      .flatMap(({ expressions }) => expressions)
      .flatMap((list) => listOf(list).map((expression) => expressionShape(expression))),
  );
  const served = new Set(
    wrappedIn(statement.tree)
      .filter(({ expression }) => indexed.has(expressionShape(expression)))
      .map(({ column }) => column),
  );
  return findings.filter(({ rule, columns }) => rule !== 'non-sargable' || !columns.every((name) => served.has(name)));
}

function listOf(text: string): readonly unknown[] {
  const row = bodyOf(parseExpression(`ROW(${text})`), 'RowExpr');
  return itemsOf(row?.['args']);
}

/** The server converts a column, not the value, where their types do not fit: then no index on it serves. */
function implicitCasts(options: {
  readonly statement: ParsedStatement;
  readonly plan: PlanNode;
  readonly facts: Facts;
}): readonly Finding[] {
  const { statement, plan, facts } = options;
  const written = new Set(allOf(statement.tree, 'TypeCast').map((cast) => columnOf(cast['arg'])));
  const nodes = nodesOf(plan);
  const byAlias = new Map(nodes.filter(({ alias }) => alias !== null).map((node) => [node.alias, facts.of(node)]));
  const found = new Map<string, Finding>();
  for (const condition of nodes.flatMap((node) => [node.filter ?? [], node.joinCondition ?? []].flat())) {
    for (const comparison of allOf([parseExpression(condition)], 'A_Expr')) {
      if (!COMPARISONS.has(lastNameOf(comparison['name']))) continue;
      for (const side of [comparison['lexpr'], comparison['rexpr']]) {
        const cast = bodyOf(side, 'TypeCast');
        const column = columnOf(cast?.['arg']);
        if (cast === null || column === null || written.has(column)) continue;
        const alias = namesOf(bodyOf(cast['arg'], 'ColumnRef')?.['fields']).at(-2);
        const table = byAlias.get(alias ?? nodes.find((node) => node.alias !== null)?.alias ?? null) ?? null;
        const from = table?.types[column];
        const to = lastNameOf(bodyOf(cast, 'typeName')?.['names']);
        if (table === null || from === undefined || from === to || facts.freeCasts.has(`${from}>${to}`)) continue;
        found.set(`${table.table}.${column}`, {
          rule: 'implicit-cast',
          severity: 'warning',
          message: `${column} is ${from} and is converted to ${to} in each row, as what it is compared with is ${to}`,
          table: table.table,
          columns: [column],
          rewritable: false,
        });
      }
    }
  }
  return [...found.values()];
}
