import { randomUUID } from 'node:crypto';
import { waitFor } from '@tradestream/runtime';
import type { CacheReading, CacheStore } from './cache-store.ts';

export type RedisCacheOptions = {
  /**
   * Sends one command and gives its answer, texts as texts: with ioredis `(...args) => redis.call(...args)`.
   * The client is the application's; nothing here opens or closes it.
   */
  readonly send: (command: string, ...args: string[]) => Promise<unknown>;
  /** Before every key. Default `cache:`. */
  readonly prefix?: string;
  /** Longest wait for an answer, milliseconds: a cache that is slower is none. Default 500. */
  readonly timeoutMs?: number;
};

/** A stamp lives longer than any entry that bears it; one that is lost comes back as another one. */
const STAMP_DAYS = 30;
const STAMP_MS = STAMP_DAYS * 24 * 3_600_000;
const RELEASE = `if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0`;

/** Entries in Redis, shared by all who use the same prefix. */
export class RedisCacheStore implements CacheStore {
  readonly #options: Required<RedisCacheOptions>;

  constructor(options: RedisCacheOptions) {
    this.#options = { prefix: 'cache:', timeoutMs: 500, ...options };
  }

  async read(key: string, tables: readonly string[]): Promise<CacheReading> {
    const keys = [this.#entryKey(key), ...tables.map((table) => this.#stampKey(table))];
    const [entry, ...stamps] = listOf(await this.#send('MGET', ...keys));
    return {
      entry: entry ?? null,
      stamps: await Promise.all(
        tables.map(async (table, at) => stamps[at] ?? (await this.#makeStamp(this.#stampKey(table)))),
      ),
    };
  }

  async write(key: string, entry: string, ttlMs: number): Promise<void> {
    await this.#send('SET', this.#entryKey(key), entry, 'PX', String(Math.max(1, Math.ceil(ttlMs))));
  }

  async invalidate(tables: readonly string[]): Promise<void> {
    await Promise.all(
      tables.map((table) => this.#send('SET', this.#stampKey(table), randomUUID(), 'PX', String(STAMP_MS))),
    );
  }

  async claim(key: string, owner: string, ttlMs: number): Promise<boolean> {
    return (await this.#send('SET', this.#claimKey(key), owner, 'NX', 'PX', String(Math.ceil(ttlMs)))) === 'OK';
  }

  async release(key: string, owner: string): Promise<void> {
    await this.#send('EVAL', RELEASE, '1', this.#claimKey(key), owner);
  }

  /** Of several who make it at once the first one's stands. */
  async #makeStamp(key: string): Promise<string> {
    await this.#send('SET', key, randomUUID(), 'NX', 'PX', String(STAMP_MS));
    const made = await this.#send('GET', key);
    // Gone again already: a stamp that nobody else has fits no entry.
    return typeof made === 'string' ? made : randomUUID();
  }

  async #send(command: string, ...args: string[]): Promise<unknown> {
    const { send, timeoutMs } = this.#options;
    return await waitFor(send(command, ...args), { timeoutMs, stage: `Redis ${command}` });
  }

  #entryKey(key: string): string {
    return `${this.#options.prefix}entry:${key}`;
  }

  #stampKey(table: string): string {
    return `${this.#options.prefix}stamp:${table}`;
  }

  #claimKey(key: string): string {
    return `${this.#options.prefix}claim:${key}`;
  }
}

function listOf(answer: unknown): readonly (string | undefined)[] {
  if (!Array.isArray(answer)) return [];
  return answer.map((each: unknown) => (typeof each === 'string' ? each : undefined));
}
