import type { Session } from '@tradestream/database';
import { readPages } from './pages.ts';

/** Anything that stands at a place of the commands topic. */
export type Placed = { readonly partition: number; readonly offset: number };

/** Rows by the place that they name, handed out once, in the order in which the log is read. */
export class PlacedRows<Row extends Placed> {
  readonly #pages: AsyncIterator<readonly Row[]>;
  #page: readonly Row[] = [];
  #next = 0;

  /** `text` answers in the order of partition and offset. */
  constructor(session: Session, text: string, values: readonly unknown[]) {
    this.#pages = readPages<Row>(session, { text, values });
  }

  /** The rows of the partition before the offset that were not handed out, by their offset. */
  async takeBefore(partition: number, end: number): Promise<ReadonlyMap<number, readonly Row[]>> {
    const taken = new Map<number, Row[]>();
    for (let row = await this.#peek(); row !== null; row = await this.#peek()) {
      if (row.partition > partition || (row.partition === partition && row.offset >= end)) break;
      const besides = taken.get(row.offset);
      if (besides === undefined) taken.set(row.offset, [row]);
      else besides.push(row);
      this.#next += 1;
    }
    return taken;
  }

  async #peek(): Promise<Row | null> {
    if (this.#next >= this.#page.length) {
      const { value, done } = await this.#pages.next();
      this.#page = done === true ? [] : value;
      this.#next = 0;
    }
    return this.#page[this.#next] ?? null;
  }
}
