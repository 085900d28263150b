import type { Balance } from '@tradestream/trading';
import { AmountColumn, copied } from './columns.ts';
import type { Spot } from './kept-balances.ts';

const FIRST_COUNT = 1_024;

/** Whose balances a batch touched, by place. */
export type BalanceNames = { readonly users: readonly string[]; readonly assets: readonly string[] };

/** Balances to write, row by row. */
export type BalanceColumns = BalanceNames & {
  readonly foundVersions: readonly number[];
  readonly versions: readonly number[];
  readonly available: readonly bigint[];
  readonly held: readonly bigint[];
};

/**
 * The balances that a batch has touched, each at a place of its own, as the batch found it and as it
 * has it now. In columns: as objects they would live as long as their batch is decided, which is long
 * enough to be copied by the garbage collector twice, and are a third of all that it copies.
 */
export class TouchedBalances {
  #users: string[] = [];
  #assets: string[] = [];
  #length = FIRST_COUNT;
  #foundVersions = new Float64Array(FIRST_COUNT);
  #versions = new Float64Array(FIRST_COUNT);
  #slots = new Int32Array(FIRST_COUNT);
  #changes = new Float64Array(FIRST_COUNT);
  readonly #available = new AmountColumn(FIRST_COUNT);
  readonly #held = new AmountColumn(FIRST_COUNT);

  get count(): number {
    return this.#users.length;
  }

  /** Of the batch that has it now, also after it was cleared for another. */
  get names(): BalanceNames {
    return { users: this.#users, assets: this.#assets };
  }

  /** Adds a balance as it was found, kept at that spot; returns its place. */
  add(balance: Balance, { slot, changes }: Spot): number {
    const place = this.#users.length;
    if (place === this.#length) this.#grow();
    this.#users.push(balance.userId);
    this.#assets.push(balance.asset);
    this.#foundVersions[place] = balance.version;
    this.#slots[place] = slot;
    this.#changes[place] = changes;
    this.write(place, balance);
    return place;
  }

  read(place: number): Balance {
    return {
      userId: this.userAt(place),
      asset: this.assetAt(place),
      available: this.#available.at(place),
      held: this.#held.at(place),
      version: this.versionAt(place),
    };
  }

  write(place: number, { available, held, version }: Balance): void {
    this.#available.set(place, available);
    this.#held.set(place, held);
    this.#versions[place] = version;
  }

  userAt(place: number): string {
    return this.#users[place] ?? '';
  }

  assetAt(place: number): string {
    return this.#assets[place] ?? '';
  }

  versionAt(place: number): number {
    return this.#versions[place] ?? 0;
  }

  /** The version that the batch found; 0 of a balance that was never credited. */
  foundVersionAt(place: number): number {
    return this.#foundVersions[place] ?? 0;
  }

  spotAt(place: number): Spot {
    return { slot: this.#slots[place] ?? 0, changes: this.#changes[place] ?? 0 };
  }

  /** The balances at these places, in this order. */
  columns(places: readonly number[]): BalanceColumns {
    return {
      users: places.map((place) => this.userAt(place)),
      assets: places.map((place) => this.assetAt(place)),
      foundVersions: places.map((place) => this.foundVersionAt(place)),
      versions: places.map((place) => this.versionAt(place)),
      available: places.map((place) => this.#available.at(place)),
      held: places.map((place) => this.#held.at(place)),
    };
  }

  /** Forgets all, for the next batch; `names` that were given out stay. */
  clear(): void {
    this.#users = [];
    this.#assets = [];
  }

  #grow(): void {
    this.#length *= 2;
    this.#foundVersions = copied(new Float64Array(this.#length), this.#foundVersions);
    this.#versions = copied(new Float64Array(this.#length), this.#versions);
    this.#slots = copied(new Int32Array(this.#length), this.#slots);
    this.#changes = copied(new Float64Array(this.#length), this.#changes);
    this.#available.grow(this.#length);
    this.#held.grow(this.#length);
  }
}
