import type { Session } from '@tradestream/database';
import { expectHolds } from './contradiction.ts';
import { loadRows } from './pages.ts';

/** The stored snapshot that the fold begins from: the state after every event up to `seqs`. */
export type Base = {
  readonly id: string;
  /** The highest batch that is in it. */
  readonly batch: number;
  readonly seqs: ReadonlyMap<number, number>;
};

/** Of each projection, the seq up to which each partition's events are in its rows. */
export type ShownPositions = ReadonlyMap<string, ReadonlyMap<number, number>>;

type Row = {
  readonly id: string;
  readonly batch: number;
  readonly complete: boolean;
  readonly seqs: Readonly<Record<string, number>>;
};

/**
 * Where the fold begins: at the first event as long as it is there, unless a snapshot is preferred, else
 * at the oldest snapshot behind which no event is missing and that has the times of its orders. Null: at
 * the first event.
 * @throws {Contradiction} when events are missing and no snapshot stands before them
 */
export async function chooseBase(
  session: Session,
  options: {
    readonly topic: string;
    readonly positions: ShownPositions | null;
    readonly isAnyRemoved: boolean;
    /** Begin at the newest snapshot that every projection has reached. */
    readonly fromSnapshot: boolean;
  },
): Promise<Base | null> {
  const { topic, positions, isAnyRemoved, fromSnapshot } = options;
  if (!isAnyRemoved && !fromSnapshot) return null;
  const rows = await loadRows<Row>(
    session,
    'SELECT id::text AS id, batch::float8 AS batch, complete, seqs FROM ledger.bases WHERE topic = $1 ORDER BY bases.id',
    [topic],
  );
  const bases = rows.map(baseOf);
  const oldest =
    bases[
      Math.max(
        0,
        rows.findIndex(({ complete }) => complete),
      )
    ];
  const shown = bases.filter((base) => isShown(base, positions));
  const base = (fromSnapshot ? shown.at(-1) : undefined) ?? (isAnyRemoved ? oldest : undefined) ?? null;
  expectHolds(
    'sequence',
    base !== null || !isAnyRemoved,
    () => 'events were removed, and no snapshot is there that stands before those that are left',
  );
  expectHolds('views', base === null || isShown(base, positions), () => {
    return `a projection stands before snapshot ${base?.id}, and the events that it lacks were removed`;
  });
  return base;
}

function baseOf({ id, batch, seqs }: Row): Base {
  return { id, batch, seqs: new Map(Object.entries(seqs).map(([partition, seq]) => [Number(partition), seq])) };
}

function isShown(base: Base, positions: ShownPositions | null): boolean {
  for (const seqs of positions?.values() ?? [])
    for (const [partition, seq] of base.seqs) if ((seqs.get(partition) ?? 0) < seq) return false;
  return true;
}

/** The base as the two arrays of a statement: partitions, and the seqs up to which events are in it. */
export function cutOf(base: Base | null): readonly [partitions: readonly number[], seqs: readonly number[]] {
  const seqs = base?.seqs ?? new Map<number, number>();
  return [[...seqs.keys()], [...seqs.values()]];
}
