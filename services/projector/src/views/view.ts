import type { ReadValues } from '@tradestream/contracts';
import { arrays, type Statement } from '@tradestream/database';
import { type Amount, type EventEnvelope, type EventType, formatAmount } from '@tradestream/trading';
import { type KeyPart, matchesKey } from './row-key.ts';

/**
 * One projection: a pure fold, and the SQL that joins what it folded with the rows that stand. Those
 * rows are never read: the join is free of order, so that it does not matter which events, or whose,
 * were there before.
 */
export type ViewDefinition<Row> = {
  readonly name: string;
  /** Types of the events that make its rows. */
  readonly reads: readonly EventType[];
  /** Which of the values that an event leaves make its rows; an event may come without the others. */
  readonly values: ReadValues;
  /** Whether a row may be added to once it stands; one that may not is written once. */
  readonly growsRows: boolean;
  /** What a row's key is made of, as an operator writes it: the parts joined by `/`. */
  readonly keyParts: readonly KeyPart[];
  readonly keyOf: (row: Row) => string;
  /** What it begins with where events were removed; null: it can only be made of all of them. */
  readonly base: ViewBase | null;
  /** Adds an event to the rows, by key. What it throws refuses that event. */
  readonly add: (rows: Map<string, Row>, envelope: EventEnvelope) => void;
  /** `table` is the view's own, or one like it beside it. */
  readonly upsert: (rows: readonly Row[], table: string) => Statement;
  /** How rows are written that most likely stand; null where few do. What it does is the same. */
  readonly revises: Revises<Row> | null;
};

type Revises<Row> = {
  /** A guess: a row that it is wrong about only costs more. */
  readonly isLikely: (row: Row) => boolean;
  readonly statement: (rows: readonly Row[], table: string) => Statement;
};

/**
 * The rows as they were at a stored snapshot, in SQL: `$1` is its id, `$2` and `$3` are the partitions and
 * the sequences up to which events are in it. Each of the three is named.
 */
export type ViewBase = {
  readonly columns: string;
  readonly select: string;
  /** Whether they are made of `views.fills`, which then must hold the trades of what was removed. */
  readonly ofFills: boolean;
};

/** A view whatever its rows are. */
export type View = Pick<ViewDefinition<never>, 'name' | 'reads' | 'values' | 'growsRows' | 'keyParts' | 'base'> & {
  readonly begin: () => Fold;
};

/** Types of the events that change balances or orders. */
export const ACCEPTED: readonly EventType[] = [
  'FundsDeposited',
  'FundsWithdrawn',
  'OrderPlaced',
  'OrderAmended',
  'OrderCancelled',
  'TradeExecuted',
];

/** What one batch adds to a projection. */
export type Fold = {
  /** Takes the next event. What it throws refuses that event. */
  readonly take: (envelope: EventEnvelope) => void;
  /** Rows that the events taken have made. */
  readonly rowCount: () => number;
  /**
   * What writes the rows taken, sorted by key: the order in which every projector locks them. Into the
   * view's own table unless `table` names another; `key` leaves only the rows of that key.
   */
  readonly statements: (options?: { readonly table?: string; readonly key?: string }) => readonly Statement[];
  /**
   * The same for a table that nobody else writes, where locks need no order: some rows a statement, each
   * made when it is asked for, so that many rows hold nobody up.
   */
  readonly slices: (table: string) => Iterable<Statement>;
};

const SLICE_ROWS = 4_000;

export function viewFrom<Row>(definition: ViewDefinition<Row>): View {
  const { name, reads, values, growsRows, keyParts, base, keyOf, add, upsert } = definition;
  return {
    name,
    reads,
    values,
    growsRows,
    keyParts,
    base,
    begin: () => {
      const rows = new Map<string, Row>();
      return {
        take: (envelope) => add(rows, envelope),
        // As a getter it would make a shape of its own for each fold, which holds its rows until the heap is searched.
        rowCount: () => rows.size,
        statements: ({ table = `views.${name}`, key } = {}) => {
          const sorted = sortedByKey(rows);
          const wanted = key === undefined ? sorted : sorted.filter((row) => matchesKey(keyOf(row), key));
          return writesOf(definition, wanted, table);
        },
        *slices(table) {
          let slice = new Map<string, Row>();
          for (const [key, row] of rows) {
            slice.set(key, row);
            if (slice.size < SLICE_ROWS) continue;
            yield upsert(sortedByKey(slice), table);
            slice = new Map();
          }
          if (slice.size > 0) yield upsert(sortedByKey(slice), table);
        },
      };
    },
  };
}

function writesOf<Row>(
  { upsert, revises }: Pick<ViewDefinition<Row>, 'upsert' | 'revises'>,
  rows: readonly Row[],
  table: string,
): readonly Statement[] {
  const standing = revises === null ? [] : rows.filter(revises.isLikely);
  if (revises === null || standing.length === 0) return rows.length === 0 ? [] : [upsert(rows, table)];
  const others = rows.filter((row) => !revises.isLikely(row));
  const revising = revises.statement(standing, table);
  return others.length === 0 ? [revising] : [revising, upsert(others, table)];
}

/** The rows that these events alone make, sorted by key. */
export function foldRows<Row>(definition: ViewDefinition<Row>, envelopes: Iterable<EventEnvelope>): readonly Row[] {
  const rows = new Map<string, Row>();
  for (const envelope of envelopes) definition.add(rows, envelope);
  return sortedByKey(rows);
}

/** Sums of amounts as text, to be cast: they have no bound, the binary form of an amount has one. */
export function sumsColumn(sums: readonly Amount[]): Buffer {
  return arrays.text(sums.map(formatAmount));
}

/**
 * A statement that is prepared once for each table that is written, under its verb and the table's name. Its text
 * is made once as well: the driver compares it each time.
 */
export function statementOf<Row>(
  verb: 'insert' | 'upsert' | 'revise',
  textFor: (table: string) => string,
  valuesOf: (rows: readonly Row[]) => readonly unknown[],
): (rows: readonly Row[], table: string) => Statement {
  const prepared = new Map<string, { readonly name: string; readonly text: string }>();
  return (rows, table) => {
    const known = prepared.get(table) ?? { name: `${verb}_${table.replace(/^views\./, '')}`, text: textFor(table) };
    prepared.set(table, known);
    return { ...known, values: valuesOf(rows) };
  };
}

/** Byte order, as the collation "C" of the keys: every id is ASCII. */
function sortedByKey<Row>(rows: ReadonlyMap<string, Row>): readonly Row[] {
  return [...rows].toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)).map(([, row]) => row);
}
