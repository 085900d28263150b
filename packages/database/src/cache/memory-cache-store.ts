import { randomUUID } from 'node:crypto';
import type { CacheReading, CacheStore } from './cache-store.ts';

export type MemoryCacheOptions = {
  /** Of all entries, characters; those not read for the longest give way. From 0, default 67 108 864. */
  readonly lengthMax?: number;
  /** Milliseconds that only grow. */
  readonly now?: () => number;
};

type Kept<T> = { readonly value: T; readonly untilMs: number };

const LENGTH_MAX = 67_108_864;

/** Entries in this process. */
export class MemoryCacheStore implements CacheStore {
  readonly #entries = new Map<string, Kept<string>>();
  readonly #stamps = new Map<string, string>();
  readonly #claims = new Map<string, Kept<string>>();
  readonly #lengthMax: number;
  readonly #now: () => number;
  #length = 0;

  constructor(options: MemoryCacheOptions = {}) {
    this.#lengthMax = options.lengthMax ?? LENGTH_MAX;
    this.#now = options.now ?? (() => performance.now());
  }

  async read(key: string, tables: readonly string[]): Promise<CacheReading> {
    const found = this.#entries.get(key);
    const isFresh = found !== undefined && found.untilMs > this.#now();
    if (found !== undefined) {
      this.#forget(key);
      if (isFresh) this.#keep(key, found);
    }
    return { entry: isFresh ? found.value : null, stamps: tables.map((table) => this.#stampOf(table)) };
  }

  async write(key: string, entry: string, ttlMs: number): Promise<void> {
    this.#forget(key);
    if (entry.length <= this.#lengthMax) this.#keep(key, { value: entry, untilMs: this.#now() + ttlMs });
    for (const oldest of this.#entries.keys()) {
      if (this.#length <= this.#lengthMax) break;
      this.#forget(oldest);
    }
  }

  async invalidate(tables: readonly string[]): Promise<void> {
    for (const table of tables) this.#stamps.set(table, randomUUID());
  }

  async claim(key: string, owner: string, ttlMs: number): Promise<boolean> {
    const held = this.#claims.get(key);
    if (held !== undefined && held.untilMs > this.#now()) return false;
    this.#claims.set(key, { value: owner, untilMs: this.#now() + ttlMs });
    return true;
  }

  async release(key: string, owner: string): Promise<void> {
    if (this.#claims.get(key)?.value === owner) this.#claims.delete(key);
  }

  #stampOf(table: string): string {
    const known = this.#stamps.get(table);
    if (known !== undefined) return known;
    const made = randomUUID();
    this.#stamps.set(table, made);
    return made;
  }

  #keep(key: string, kept: Kept<string>): void {
    this.#entries.set(key, kept);
    this.#length += kept.value.length;
  }

  #forget(key: string): void {
    this.#length -= this.#entries.get(key)?.value.length ?? 0;
    this.#entries.delete(key);
  }
}
