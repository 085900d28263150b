import type { CostlyNode } from './query-analysis.ts';
import { isBody, itemsOf } from './syntax.ts';

/** A node of a plan as EXPLAIN tells it. Costs in the planner's unit. */
export type PlanNode = {
  readonly type: string;
  readonly schema: string | null;
  readonly table: string | null;
  readonly alias: string | null;
  readonly index: string | null;
  readonly totalCost: number;
  readonly rows: number;
  readonly filter: string | null;
  /** What it joins by. */
  readonly joinCondition: string | null;
  readonly indexCondition: string | null;
  readonly sortKeys: readonly string[];
  readonly children: readonly PlanNode[];
};

/** A node that costs less than this share of the whole is not worth a word. */
const SHARE_MIN = 0.2;

/** Of the one element that `EXPLAIN (FORMAT JSON)` gives. */
export function readPlan(value: unknown): PlanNode {
  const [first] = itemsOf(value);
  return readNode(isBody(first) ? first['Plan'] : undefined);
}

function readNode(value: unknown): PlanNode {
  const node = isBody(value) ? value : {};
  const text = (field: string) => (typeof node[field] === 'string' ? node[field] : null);
  const figure = (field: string) => (typeof node[field] === 'number' ? node[field] : 0);
  return {
    type: text('Node Type') ?? '',
    schema: text('Schema'),
    table: text('Relation Name'),
    alias: text('Alias'),
    index: text('Index Name'),
    totalCost: figure('Total Cost'),
    rows: figure('Plan Rows'),
    filter: text('Filter'),
    joinCondition: text('Hash Cond') ?? text('Merge Cond') ?? text('Join Filter'),
    indexCondition: text('Index Cond'),
    sortKeys: itemsOf(node['Sort Key']).filter((key): key is string => typeof key === 'string'),
    children: itemsOf(node['Plans']).map((child) => readNode(child)),
  };
}

export function nodesOf(plan: PlanNode): readonly PlanNode[] {
  return [plan, ...plan.children.flatMap((child) => nodesOf(child))];
}

/** The nodes that cost most by themselves, dearest first. */
export function costlyNodes(plan: PlanNode): readonly CostlyNode[] {
  const total = Math.max(plan.totalCost, Number.MIN_VALUE);
  return ownCosts(plan, 1)
    .map(({ node, ownCost }) => ({
      node: node.type,
      table: node.table,
      index: node.index,
      ownCost,
      share: Math.min(1, ownCost / total),
      rows: node.rows,
    }))
    .filter(({ share }) => share >= SHARE_MIN)
    .toSorted((one, other) => other.ownCost - one.ownCost);
}

type Own = { readonly node: PlanNode; readonly ownCost: number };

/** `scale`: how much of the node's total its parent pays, more than once in a loop, a part under a LIMIT. */
function ownCosts(node: PlanNode, scale: number): readonly Own[] {
  let left = node.totalCost;
  const below = node.children.flatMap((child, index) => {
    const loops = node.type === 'Nested Loop' && index === 1 ? Math.max(1, node.children[0]?.rows ?? 1) : 1;
    const paid = Math.min(child.totalCost * loops, left);
    left -= paid;
    return ownCosts(child, child.totalCost === 0 ? 0 : (scale * paid) / child.totalCost);
  });
  return [{ node, ownCost: left * scale }, ...below];
}
