import { quoteIdentifier, quotePath } from '../query/identifiers.ts';
import type { CatalogIndex } from './index-catalog.ts';
import { indexName, readColumn, serves, type WantedColumn } from './index-columns.ts';

export type StrategyIndex = {
  /** `symbol`, `timestamp DESC`. */
  readonly columns: readonly string[];
  readonly unique?: boolean;
  /** Default: made of the table and the columns. */
  readonly name?: string;
};

/** The indexes that each table is to have, beside those that its constraints bring. */
export type IndexStrategy = Readonly<Record<string, readonly StrategyIndex[]>>;

export type StrategyStep = {
  readonly action: 'create' | 'keep' | 'extra';
  readonly table: string;
  readonly index: string;
  /** What it takes; null for one that is kept. */
  readonly sql: string | null;
  readonly reason: string;
};

export type Wish = {
  readonly table: string;
  readonly index: string;
  readonly columns: readonly WantedColumn[];
  readonly unique: boolean;
};

/** @throws {DatabaseError} DB_QUERY_INVALID for a name that is none */
export function readWish(table: string, wanted: StrategyIndex): Wish {
  const columns = wanted.columns.map((column) => readColumn(column));
  const unique = wanted.unique ?? false;
  const path = quotePath(table);
  const bare = path.slice(path.lastIndexOf('."') === -1 ? 0 : path.lastIndexOf('."') + 1);
  return {
    table,
    columns,
    unique,
    index: wanted.name ?? indexName(bare.slice(1, -1).replaceAll('""', '"'), columns, unique),
  };
}

/** The difference between what a table has and what it is to have. */
export function planTable(options: {
  readonly table: string;
  readonly schema: string;
  readonly wanted: readonly StrategyIndex[];
  readonly indexes: readonly CatalogIndex[];
}): readonly StrategyStep[] {
  const { table, schema, wanted, indexes } = options;
  const kept = new Set<CatalogIndex>();
  const steps = wanted.map((each): StrategyStep => {
    const wish = readWish(table, each);
    const found = indexes.find((index) => index.valid && serves(index, wish.columns, wish.unique));
    if (found === undefined) {
      return { action: 'create', table, index: wish.index, sql: createSql(wish), reason: 'the table has none like it' };
    }
    kept.add(found);
    return { action: 'keep', table, index: found.name, sql: null, reason: 'it is there' };
  });
  const extras = indexes
    .filter((index) => !kept.has(index) && index.constraint === null && !index.referenced && !index.replicaIdentity)
    .map(
      (index): StrategyStep => ({
        action: 'extra',
        table,
        index: index.name,
        sql: `DROP INDEX CONCURRENTLY ${quoteIdentifier(schema)}.${quoteIdentifier(index.name)}`,
        reason: index.valid ? 'the strategy does not name it' : 'a build of it failed',
      }),
    );
  return [...steps, ...extras];
}

export function createSql({ table, index, columns, unique }: Wish): string {
  const list = columns.map(({ sql }) => sql).join(', ');
  return `CREATE ${unique ? 'UNIQUE ' : ''}INDEX CONCURRENTLY ${quoteIdentifier(index)} ON ${quotePath(table)} (${list})`;
}
