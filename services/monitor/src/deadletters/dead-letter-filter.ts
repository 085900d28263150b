/** Which parked records an operator means: those that fit everything that is given. */
export type DeadLetterFilter = {
  readonly ids?: readonly string[];
  readonly key?: string;
  readonly reason?: string;
  /** Parked at or after this time, ISO 8601. */
  readonly from?: string;
  /** Parked before this time. */
  readonly to?: string;
};

/** The condition of a filter on `ledger.parked AS p`, with the values of its six parameters from `$first` on. */
export function conditionOf(
  topic: string,
  filter: DeadLetterFilter,
  first: number,
): { readonly text: string; readonly values: readonly unknown[] } {
  const { ids, key, reason, from, to } = filter;
  const at = (index: number, type: string) => `$${first + index}::${type}`;
  const text = `p.topic = ${at(0, 'text')}
    AND (${at(1, 'bigint[]')} IS NULL OR p.id = ANY (${at(1, 'bigint[]')}))
    AND (${at(2, 'bytea')} IS NULL OR p.key = ${at(2, 'bytea')})
    AND (${at(3, 'text')} IS NULL OR p.reason = ${at(3, 'text')})
    AND (${at(4, 'timestamptz')} IS NULL OR p.parked_at >= ${at(4, 'timestamptz')})
    AND (${at(5, 'timestamptz')} IS NULL OR p.parked_at < ${at(5, 'timestamptz')})`;
  const bytes = key === undefined ? null : Buffer.from(key, 'utf8');
  return { text, values: [topic, ids ?? null, bytes, reason ?? null, from ?? null, to ?? null] };
}
