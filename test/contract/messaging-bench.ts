import type { LogAdmin, MessageLog, OutgoingRecord } from '@tradestream/messaging';

/** What a law has at hand. */
export type Bench = {
  readonly log: () => MessageLog;
  readonly admin: () => LogAdmin;
  /** A new topic of its own. */
  readonly topic: (partitions?: number) => Promise<string>;
  /** A group name of its own. */
  readonly group: () => string;
};

/** Records with the number as value, all for one partition. */
export function numbered(
  count: number,
  options: { readonly partition: number; readonly first?: number },
): OutgoingRecord[] {
  const first = options.first ?? 0;
  return Array.from({ length: count }, (_, index) => ({
    partition: options.partition,
    key: null,
    value: Buffer.from(String(first + index)),
  }));
}

export function textOf(value: Buffer | null): string {
  return value === null ? 'null' : value.toString();
}
