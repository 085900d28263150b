import type { Statement } from '@tradestream/database';

export const READ_PREFERENCES = ['primary', 'secondary', 'nearest'] as const;
export type ReadPreference = (typeof READ_PREFERENCES)[number];

/** A database node that may answer reads. */
export interface ReadNode {
  /** As in the endpoints file: `primary`, `replica-1`. */
  readonly name: string;
  /** All statements on one snapshot, read only; their rows in their order. */
  snapshot(statements: readonly Statement[]): Promise<readonly (readonly object[])[]>;
}

/** The nodes and which of them to ask. */
export interface ReadNodes {
  /** The nodes to ask, best first, and those to ask when none of them answers in time. */
  choose(preference: ReadPreference): { readonly preferred: readonly ReadNode[]; readonly others: readonly ReadNode[] };
}
