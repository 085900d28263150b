import { DatabaseError } from '@tradestream/database';

/** Thrown through a statement that has to wait for another transaction's end; it then runs again. */
export class Blocked extends Error {
  override readonly name = 'Blocked';
  readonly by: Transaction;
  /** It would make a row that another has made meanwhile, and that is being changed. */
  readonly atTakenKey: boolean;

  constructor(by: Transaction, atTakenKey = false) {
    super(`held by ${by.pid}`);
    this.by = by;
    this.atTakenKey = atTakenKey;
  }
}

/** Thrown through a statement that lets others go first with a lock it has just taken; it then runs again. */
export class Paused extends Error {
  override readonly name = 'Paused';
}

interface Holding {
  settle(key: string, committed: boolean, undo: (() => void)[]): void;
}

/** Row locks and new rows of one transaction. */
export class Transaction {
  readonly pid: number;
  /** A statement has failed: COMMIT answers ROLLBACK. */
  failed = false;
  hasWritten = false;
  /** Whether to pause at a lock that was just taken. */
  pauses: () => boolean = () => false;
  readonly #held: [Holding, string][] = [];
  #written: (() => void)[] = [];

  constructor(pid: number) {
    this.pid = pid;
  }

  /** The statement is done: what it wrote stays until the end of the transaction. */
  keep(): void {
    this.#written = [];
  }

  /** The statement will run again: what it wrote is taken back, its locks are held. */
  takeBack(): void {
    for (const undo of this.#written.toReversed()) undo();
    this.#written = [];
  }

  wrote(undo: () => void): void {
    this.hasWritten = true;
    this.#written.push(undo);
  }

  hold(table: Holding, key: string): void {
    this.#held.push([table, key]);
  }

  /** Lets go of every lock; what was written stands, or never was. Returns what takes it back again. */
  end(committed: boolean): (() => void)[] {
    const undo: (() => void)[] = [];
    for (const [table, key] of this.#held) table.settle(key, committed, undo);
    this.#held.length = 0;
    return undo;
  }
}

type Held<Row> = { readonly by: Transaction; row: Row | undefined; written: boolean };

/**
 * Rows by key, each locked by at most one transaction, which alone sees what it wrote until it has
 * committed: READ COMMITTED with row locks, and unique keys that wait for whoever is at them.
 */
export class Table<Row> implements Holding {
  readonly name: string;
  readonly rows = new Map<string, Row>();
  /** Told of each row that comes to stand. */
  onCommitted: ((key: string, before: Row | undefined, after: Row | undefined) => void) | null = null;
  readonly #held = new Map<string, Held<Row>>();

  constructor(name: string) {
    this.name = name;
  }

  read(tx: Transaction, key: string): Row | undefined {
    const held = this.#held.get(key);
    return held?.by === tx && held.written ? held.row : this.rows.get(key);
  }

  /** Every row as this transaction sees it. */
  *all(tx: Transaction): Iterable<Row> {
    for (const key of this.rows.keys()) {
      const row = this.read(tx, key);
      if (row !== undefined) yield row;
    }
    for (const [key, { by, written, row }] of this.#held) {
      if (by === tx && written && row !== undefined && !this.rows.has(key)) yield row;
    }
  }

  /** Locks a row, which need not be there, and reads it. */
  lock(tx: Transaction, key: string): Row | undefined {
    return this.#lock(tx, key).row;
  }

  /** Locks a row that fits as it stands, as an UPDATE with this condition: what does not fit is not waited for. */
  lockWhere(tx: Transaction, key: string, fits: (row: Row) => boolean): Row | undefined {
    const row = this.read(tx, key);
    return row === undefined || !fits(row) ? undefined : this.lock(tx, key);
  }

  write(tx: Transaction, key: string, row: Row | undefined): void {
    const held = this.#lock(tx, key);
    const before = { row: held.row, written: held.written };
    tx.wrote(() => Object.assign(held, before));
    held.row = row;
    held.written = true;
  }

  /** False when the key is there; waits for whoever is about to make or change it, not for who only locked it. */
  add(tx: Transaction, key: string, row: Row): boolean {
    const held = this.#held.get(key);
    if (held !== undefined && held.by !== tx && held.written) throw new Blocked(held.by, this.rows.has(key));
    if (this.read(tx, key) !== undefined) return false;
    if (this.#lock(tx, key).row !== undefined) return false;
    this.write(tx, key, row);
    return true;
  }

  /** @throws {DatabaseError} 23505 when the key is there */
  insert(tx: Transaction, key: string, row: Row): void {
    if (!this.add(tx, key, row)) throw new DatabaseError('23505', { context: { table: this.name } });
  }

  settle(key: string, committed: boolean, undo: (() => void)[]): void {
    const held = this.#held.get(key);
    this.#held.delete(key);
    if (!committed || held === undefined || !held.written) return;
    const before = this.rows.get(key);
    this.#set(key, held.row);
    undo.push(() => this.#set(key, before));
    this.onCommitted?.(key, before, held.row);
  }

  #set(key: string, row: Row | undefined): void {
    if (row === undefined) this.rows.delete(key);
    else this.rows.set(key, row);
  }

  #lock(tx: Transaction, key: string): Held<Row> {
    const held = this.#held.get(key);
    if (held !== undefined) {
      if (held.by !== tx) throw new Blocked(held.by);
      return held;
    }
    const made: Held<Row> = { by: tx, row: this.rows.get(key), written: false };
    this.#held.set(key, made);
    tx.hold(this, key);
    if (tx.pauses()) throw new Paused();
    return made;
  }
}
