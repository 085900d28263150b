/**
 * What an index is for, as it seems. `enforces`: a constraint, uniqueness or the replica identity stands on
 * it, however seldom it is read. `supports`: the only index behind a foreign key. `unknown`: not used as far
 * as can be seen, which is not far enough.
 */
export type IndexVerdict =
  | 'used'
  | 'enforces'
  | 'supports'
  | 'unused'
  | 'unknown'
  | 'duplicate'
  | 'covered'
  | 'invalid'
  | 'building';

export type IndexReport = {
  readonly schema: string;
  readonly table: string;
  readonly name: string;
  /** As the server writes them: expressions in parentheses. */
  readonly columns: readonly string[];
  readonly unique: boolean;
  readonly predicate: string | null;
  readonly verdict: IndexVerdict;
  readonly reason: string;
  /** By node, since that node began to count. */
  readonly scans: Readonly<Record<string, number>>;
  readonly bytes: number;
  /** Rows written to the table since the primary began to count: each may have to be written here too. */
  readonly tableWrites: number;
  /** Several times as large as its rows need. */
  readonly bloated: boolean;
};

/** A foreign key whose table has no index that leads with its columns. */
export type MissingIndex = {
  readonly schema: string;
  readonly table: string;
  readonly columns: readonly string[];
  readonly constraint: string;
  readonly references: string;
  /** Rows deleted or changed in the referenced table: each one reads the whole referring table. */
  readonly parentChanges: number;
};

export type IndexAdviceAction = {
  readonly action: 'create' | 'drop' | 'rebuild';
  readonly table: string;
  /** Null for one to be created. */
  readonly index: string | null;
  readonly reason: string;
  /** Never run by the analysis. */
  readonly sql: string;
};

export type ObservedNode = {
  readonly node: string;
  /** When it began to count; null when it could not be asked. */
  readonly since: Date | null;
};

export type IndexAnalysis = {
  /** By the clock here. */
  readonly takenAt: Date;
  readonly nodes: readonly ObservedNode[];
  /** For how long every node has counted, or since the earlier analysis, milliseconds; 0 when one could not be asked. */
  readonly observedMs: number;
  readonly indexes: readonly IndexReport[];
  readonly missing: readonly MissingIndex[];
  readonly advice: readonly IndexAdviceAction[];
};
