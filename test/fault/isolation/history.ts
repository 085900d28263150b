import { writeFileSync } from 'node:fs';

/** A balance, as the key of a list of those trades that have changed it. */
export type Key = string;
/** One transaction: trades that it appends, or lists that it reads. */
export type Operation =
  | { readonly kind: 'append'; readonly trade: number; readonly keys: readonly Key[] }
  | {
      readonly kind: 'read';
      readonly keys: readonly Key[];
      readonly found: ReadonlyMap<Key, ReadonlySet<number>> | null;
    };

type Entry = {
  readonly type: 'invoke' | 'ok' | 'fail' | 'info';
  readonly process: number;
  readonly operation: Operation;
};

/** Invocations and completions of clients, in the order in which they happened. */
export class History {
  readonly #entries: Entry[] = [];

  add(type: Entry['type'], process: number, operation: Operation): void {
    this.#entries.push({ type, process, operation });
  }

  get reads(): number {
    return this.#entries.filter(({ type, operation }) => type === 'ok' && operation.kind === 'read').length;
  }

  /**
   * Writes it as list-append. A read tells which trades have changed a balance, and not in which order:
   * that is `rank`, the order of the receipts, and what does not fit into it is an anomaly.
   */
  write(file: string, rank: ReadonlyMap<number, number>): void {
    const keys = new Map<Key, number>();
    const idOf = (key: Key) => {
      const id = keys.get(key) ?? keys.size + 1;
      keys.set(key, id);
      return id;
    };
    const lines = this.#entries.map(({ type, process, operation }, index) =>
      JSON.stringify({ index, type, process, value: valueOf(operation, { idOf, rank }) }),
    );
    writeFileSync(file, `${lines.join('\n')}\n`);
  }
}

function valueOf(
  operation: Operation,
  { idOf, rank }: { readonly idOf: (key: Key) => number; readonly rank: ReadonlyMap<number, number> },
): readonly unknown[] {
  if (operation.kind === 'append') return operation.keys.map((key) => ['append', idOf(key), operation.trade]);
  return operation.keys.map((key) => {
    const found = operation.found?.get(key);
    if (found === undefined) return ['r', idOf(key), null];
    return ['r', idOf(key), [...found].toSorted((a, b) => (rank.get(a) ?? 0) - (rank.get(b) ?? 0))];
  });
}
