import type { FindingRule } from './query-analysis.ts';

/** A piece of the text, in bytes, and what stands there instead. */
export type Edit = { readonly start: number; readonly end: number; readonly text: string };

export type RewriteRule = Extract<
  FindingRule,
  'or-chain' | 'keyset-or' | 'count-to-exists' | 'redundant-distinct' | 'redundant-order'
>;

/** Edits that belong together: all are made, or none. */
export type Rewrite = { readonly rule: RewriteRule; readonly did: string; readonly edits: readonly Edit[] };
