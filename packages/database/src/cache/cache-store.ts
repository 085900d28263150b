/** An entry, and the stamps of tables as they are now. */
export type CacheReading = {
  readonly entry: string | null;
  /** In the order asked for. A table that has none yet is given one. */
  readonly stamps: readonly string[];
};

/**
 * Where a cache keeps its entries. Laws, held by every adapter: an entry that was written is read until its
 * time is over, it is replaced, or it was pushed out; the stamp of a table is the same for everyone until
 * `invalidate`, is another one after it, and never comes again; of those who `claim` a key at once one has it,
 * until it releases it or the time is over. A store may lose anything at any time. Its failures are thrown.
 */
export interface CacheStore {
  read(key: string, tables: readonly string[]): Promise<CacheReading>;
  write(key: string, entry: string, ttlMs: number): Promise<void>;
  invalidate(tables: readonly string[]): Promise<void>;
  /** False when somebody has it. */
  claim(key: string, owner: string, ttlMs: number): Promise<boolean>;
  release(key: string, owner: string): Promise<void>;
}
