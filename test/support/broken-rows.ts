import type { LedgerWorld } from './ledger-world.ts';

const TABLES = [
  ...['partitions', 'receipts', 'conflicts', 'events', 'balances', 'orders', 'trades', 'parked'].map(
    (name) => `ledger.${name}`,
  ),
  ...['positions', 'trades', 'fills', 'orders', 'balances', 'candles'].map((name) => `views.${name}`),
];

/** Keeps a copy of every row of a world in which nothing runs, so that a test may break what it likes. */
export class SavedRows {
  readonly #world: LedgerWorld;

  private constructor(world: LedgerWorld) {
    this.#world = world;
  }

  static async save(world: LedgerWorld): Promise<SavedRows> {
    await world.rows('CREATE SCHEMA saved');
    for (const table of TABLES) await world.rows(`CREATE TABLE saved.${copyOf(table)} AS TABLE ${table}`);
    return new SavedRows(world);
  }

  /** Puts every row back. */
  async restore(): Promise<void> {
    await this.#world.rows('BEGIN');
    for (const table of TABLES) {
      const [schema, name] = table.split('.');
      const [row] = await this.#world.rows<{ columns: string }>(
        `SELECT string_agg(quote_ident(column_name), ', ' ORDER BY ordinal_position) AS columns
         FROM information_schema.columns WHERE table_schema = $1 AND table_name = $2 AND is_generated = 'NEVER'`,
        [schema, name],
      );
      await this.#world.rows(`TRUNCATE ${table} CASCADE`); // intents name what is parked; there are none here
      await this.#world.rows(
        `INSERT INTO ${table} (${row?.columns}) OVERRIDING SYSTEM VALUE SELECT ${row?.columns} FROM saved.${copyOf(table)}`,
      );
    }
    await this.#world.rows('COMMIT');
  }
}

function copyOf(table: string): string {
  return table.replace('.', '_');
}
