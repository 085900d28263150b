import type { Closeable } from '@tradestream/runtime';
import { Pool } from 'pg';

/** The driver's own pool and nothing else: what the toolkit's queries are held against. */
export class BareDriver implements Closeable {
  readonly #pool: Pool;

  constructor(url: string, connectionsMax: number) {
    this.#pool = new Pool({ connectionString: url, max: connectionsMax });
    this.#pool.on('error', () => undefined); // the next query tells
  }

  async query(text: string, values: readonly unknown[]): Promise<unknown> {
    return await this.#pool.query(text, [...values]);
  }

  close(): Promise<void> {
    return this.#pool.end();
  }
}
