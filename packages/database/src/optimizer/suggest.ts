import type { FindingRule, QueryAnalysis, QuerySuggestions } from './query-analysis.ts';
import { rewriteStatement } from './rewrite.ts';

const ADVICE: Readonly<Record<FindingRule, string>> = {
  'select-star': 'name the columns that are used: fewer bytes, index-only scans become possible',
  'offset-pagination': 'page by key: WHERE (sort columns) < (those of the last row) ORDER BY ... LIMIT n',
  'non-sargable': 'move the work to the other side (a range instead of a function), or index the expression itself',
  'leading-wildcard': 'use full text search, or an index with gin_trgm_ops of pg_trgm',
  'not-in-subquery': 'write NOT EXISTS, once it is clear what a null should mean',
  'implicit-cast': 'give the value, or the other column, the type of the column',
  'or-chain': 'write an IN list, or = ANY with an array parameter',
  'keyset-or': 'compare rows: (a, b) > (x, y), with an index on (a, b)',
  'count-to-exists': 'write EXISTS: it stops at the first row',
  'redundant-distinct': 'leave DISTINCT out: it sorts or hashes for nothing',
  'redundant-order': 'leave ORDER BY out: nobody sees the order',
  'random-order': 'use TABLESAMPLE, or draw keys in the application',
  'cartesian-product': 'join the tables by a condition, or write CROSS JOIN where it is meant',
  'unbounded-write': 'add a WHERE, or change the rows in batches by key',
  'sequential-scan': 'see the indexes advised; without one, ask for less or accept the scan',
  'missing-index': 'create the index, concurrently, after weighing what it costs each write',
};

/** What to do about each finding. */
export function suggestFor(analysis: QueryAnalysis): QuerySuggestions {
  const rewriting = analysis.skipped ? null : rewriteStatement(analysis.query);
  return {
    suggestions: analysis.findings.map(({ rule, severity, message }) => ({
      rule,
      severity,
      finding: message,
      advice: ADVICE[rule],
    })),
    indexes: analysis.indexes,
    rewritten: rewriting === null || rewriting.changes.length === 0 ? null : rewriting.text,
  };
}
