/** Where a replay begins: at an offset of each partition, at a time, or at the record of a command. */
export type Origin =
  | { readonly kind: 'offset'; readonly offset: number }
  | { readonly kind: 'time'; readonly timeMs: number }
  | { readonly kind: 'command'; readonly commandId: string };

/** An origin, and the partitions that are meant; null: all. */
export type Wanted = { readonly origin: Origin; readonly partitions: readonly number[] | null };
