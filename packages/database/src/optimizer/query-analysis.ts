/** What may be wrong with a statement. The names are stable. */
export type FindingRule =
  | 'select-star'
  | 'offset-pagination'
  | 'non-sargable'
  | 'leading-wildcard'
  | 'not-in-subquery'
  | 'implicit-cast'
  | 'or-chain'
  | 'keyset-or'
  | 'count-to-exists'
  | 'redundant-distinct'
  | 'redundant-order'
  | 'random-order'
  | 'cartesian-product'
  | 'unbounded-write'
  | 'sequential-scan'
  | 'missing-index';

export type Severity = 'notice' | 'warning';

export type Finding = {
  readonly rule: FindingRule;
  readonly severity: Severity;
  readonly message: string;
  readonly table: string | null;
  readonly columns: readonly string[];
  /** `optimize` mends it. */
  readonly rewritable: boolean;
};

export type Complexity = {
  /** A weighted sum of the counts below. */
  readonly score: number;
  /** `simple` below 10, `complex` from 25. */
  readonly level: 'simple' | 'moderate' | 'complex';
  readonly tables: number;
  readonly joins: number;
  readonly subqueries: number;
  readonly setOperations: number;
  readonly aggregates: number;
  readonly windows: number;
  readonly predicates: number;
};

/** A node of the plan that costs much by itself, its children left out. Costs in the planner's unit. */
export type CostlyNode = {
  readonly node: string;
  readonly table: string | null;
  readonly index: string | null;
  readonly ownCost: number;
  /** Of the whole plan, 0 to 1. */
  readonly share: number;
  readonly rows: number;
};

export type SequentialScan = {
  readonly table: string;
  /** In the table, as the server's statistics say. */
  readonly tableRows: number;
  /** That the scan is expected to give. */
  readonly rows: number;
  readonly condition: string | null;
};

export type PlanSummary = {
  readonly totalCost: number;
  readonly rows: number;
  /** Planned without the values of its parameters. */
  readonly generic: boolean;
  readonly costlyNodes: readonly CostlyNode[];
  /** On tables with at least `largeTableRows`. */
  readonly sequentialScans: readonly SequentialScan[];
  /** Tables never analysed, whose figures are the planner's guesses. */
  readonly withoutStatistics: readonly string[];
};

export type IndexAdvice = {
  readonly table: string;
  /** In the order of the index, `DESC` where it is meant. */
  readonly columns: readonly string[];
  readonly sql: string;
  readonly costBefore: number;
  readonly costAfter: number;
  /** Share of the statement's cost that is saved, 0 to 1. */
  readonly gain: number;
  /** Whether the server planned with the index (hypopg) or the figure is reckoned here. */
  readonly basis: 'hypothetical index' | 'estimate';
};

export type QueryAnalysis = {
  readonly query: string;
  /** The same for statements that differ in their constants only. */
  readonly fingerprint: string;
  readonly statement: 'select' | 'insert' | 'update' | 'delete' | 'merge' | 'other';
  readonly tables: readonly string[];
  readonly complexity: Complexity;
  readonly findings: readonly Finding[];
  /** Null where no database was asked. */
  readonly plan: PlanSummary | null;
  readonly indexes: readonly IndexAdvice[];
  /** A complex statement under `analyzeComplexQueries: false`: only its complexity was looked at. */
  readonly skipped: boolean;
};

export type Suggestion = {
  readonly rule: FindingRule;
  readonly severity: Severity;
  readonly finding: string;
  readonly advice: string;
};

export type QuerySuggestions = {
  readonly suggestions: readonly Suggestion[];
  readonly indexes: readonly IndexAdvice[];
  /** The statement as `optimize` writes it; null when it leaves it as it is. */
  readonly rewritten: string | null;
};

/** A lookup that runs once for each row of another statement. */
export type RepeatedStatement = {
  readonly query: string;
  readonly calls: number;
  readonly rowsPerCall: number;
  readonly table: string;
  /** The statements whose rows it seems to follow. */
  readonly parents: readonly string[];
  readonly advice: string;
};
