import { quoteIdentifier } from '../query/identifiers.ts';
import { type CandidateIndex, type CandidateScan, candidateScans, type IndexColumn } from './index-candidates.ts';
import { costlyNodes, type PlanNode } from './plan.ts';
import type { Planner } from './planner.ts';
import type { IndexAdvice } from './query-analysis.ts';
import type { ParsedStatement } from './statement.ts';
import type { Facts, TableFacts } from './table-facts.ts';

/** An index that saves less is not worth what it costs each write. */
const GAIN_MIN = 0.3;
// As the planner has them where nobody has changed them.
const RANDOM_PAGE_COST = 4;
const NEXT_PAGE_COST = 1;
const ROW_COST = 0.0225;
const DESCENT_COST = 8;

/** Indexes that make the statement cheaper, by the planner's own word where the server can be asked. */
export async function adviseIndexes(options: {
  readonly planner: Planner;
  readonly statement: ParsedStatement;
  readonly plan: PlanNode;
  readonly facts: Facts;
  readonly largeTableRows: number;
}): Promise<readonly IndexAdvice[]> {
  const { planner, plan, facts, largeTableRows } = options;
  const advised: IndexAdvice[] = [];
  for (const candidate of candidateScans(plan, facts, largeTableRows)) {
    const priced: IndexAdvice[] = [];
    for (const index of candidate.indexes) {
      const { columns } = index;
      const sql = indexSql(candidate, columns);
      const costAfter = planner.hasHypotheticalIndexes
        ? (await planner.planWith(options.statement, sql)).totalCost
        : estimate(plan, candidate, index);
      priced.push({
        table: candidate.facts.table,
        columns: columns.map(({ name, descending }) => (descending ? `${name} DESC` : name)),
        sql: sql.replace('CREATE INDEX', 'CREATE INDEX CONCURRENTLY'),
        costBefore: plan.totalCost,
        costAfter,
        gain: Math.max(0, 1 - costAfter / plan.totalCost),
        basis: planner.hasHypotheticalIndexes ? 'hypothetical index' : 'estimate',
      });
    }
    const [best] = priced.toSorted(
      (one, other) => one.costAfter - other.costAfter || one.columns.length - other.columns.length,
    );
    if (best !== undefined && best.gain >= GAIN_MIN && !advised.some(({ sql }) => sql === best.sql)) advised.push(best);
  }
  return advised;
}

function indexSql({ facts }: CandidateScan, columns: readonly IndexColumn[]): string {
  const list = columns.map(({ name, descending }) => `${quoteIdentifier(name)}${descending ? ' DESC' : ''}`);
  return `CREATE INDEX ON ${quoteIdentifier(facts.schema)}.${quoteIdentifier(facts.table)} (${list.join(', ')})`;
}

/** The plan's cost with the scan, and the sort where the index gives the order, exchanged for lookups. */
function estimate(plan: PlanNode, candidate: CandidateScan, { columns, isOrdered }: CandidateIndex): number {
  const { scan, facts, loops } = candidate;
  const limit = isOrdered ? candidate.limit : null;
  const values = columns.map(({ name }) => Math.max(1, facts.distinct[name] ?? 1));
  const found = scan.filter === null ? facts.rows / Math.max(...values) : scan.rows;
  const rows = (limit === null ? found : Math.min(found, limit)) * loops;
  const [first, second] = columns;
  const correlation = second === undefined && first !== undefined ? (facts.correlation[first.name] ?? 0) : 0;
  const lookups = loops * DESCENT_COST + rows * ROW_COST + pagesCost(facts, rows, correlation);
  const sorts = limit === null ? [] : costlyNodes(plan).filter(({ node }) => node === 'Sort');
  const saved = scan.totalCost + sorts.reduce((sum, { ownCost }) => sum + ownCost, 0);
  return Math.max(0, plan.totalCost - saved) + lookups;
}

/** As the planner reckons: rows that lie together share pages, and many pages are read almost in order. */
function pagesCost({ pages, rows: tableRows }: TableFacts, rows: number, correlation: number): number {
  const all = Math.max(1, pages);
  const scattered = Math.min(all, (2 * all * rows) / (2 * all + rows));
  const perPage = RANDOM_PAGE_COST - (RANDOM_PAGE_COST - NEXT_PAGE_COST) * Math.sqrt(scattered / all);
  const together = RANDOM_PAGE_COST + Math.ceil((all * rows) / Math.max(1, tableRows)) * NEXT_PAGE_COST;
  const share = correlation ** 2;
  return share * Math.min(together, scattered * perPage) + (1 - share) * scattered * perPage;
}
