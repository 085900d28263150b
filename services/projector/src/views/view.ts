import { arrays, type Statement } from '@tradestream/database';
import { type Amount, type EventEnvelope, formatAmount } from '@tradestream/trading';

/**
 * One projection: a pure fold, and the SQL that joins what it folded with the rows that stand. Those
 * rows are never read: the join is free of order, so that it does not matter which events, or whose,
 * were there before.
 */
export type ViewDefinition<Row> = {
  readonly name: string;
  /** Adds an event to the rows, by key. What it throws refuses that event. */
  readonly add: (rows: Map<string, Row>, envelope: EventEnvelope) => void;
  readonly upsert: (rows: readonly Row[]) => Statement;
};

/** A view whatever its rows are. */
export type View = { readonly name: string; readonly begin: () => Fold };

/** What one batch adds to a projection. */
export type Fold = {
  /** Takes the next event. What it throws refuses that event. */
  readonly take: (envelope: EventEnvelope) => void;
  /** What writes the rows taken, sorted by key: the order in which every projector locks them. */
  readonly statements: () => readonly Statement[];
};

export function viewFrom<Row>({ name, add, upsert }: ViewDefinition<Row>): View {
  return {
    name,
    begin: () => {
      const rows = new Map<string, Row>();
      return {
        take: (envelope) => add(rows, envelope),
        statements: () => (rows.size === 0 ? [] : [upsert(sortedByKey(rows))]),
      };
    },
  };
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

/** Byte order, as the collation "C" of the keys: every id is ASCII. */
function sortedByKey<Row>(rows: ReadonlyMap<string, Row>): readonly Row[] {
  return [...rows].toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)).map(([, row]) => row);
}
