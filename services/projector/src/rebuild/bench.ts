import type { Session } from '@tradestream/database';
import type { EventReader } from '../event-reader.ts';
import type { Position } from '../position.ts';
import type { View } from '../views/view.ts';
import type { LedgerSource } from './ledger-pages.ts';
import type { ProjectionRequest, Report } from './request.ts';

/** How far the ledger is, with the offset of the events topic below which nothing lies beyond it. */
export type Horizon = ReadonlyMap<number, Pick<Position, 'seq' | 'nextOffset'>>;

/** What the work on one request has at hand. */
export type WorkBench = {
  readonly request: ProjectionRequest;
  readonly view: View;
  /** Holds the lock of the projection and writes; whatever it has open ends with it. */
  readonly session: Session;
  /** Reads events; of the same database, or that of the ledger. */
  readonly ledger: Session;
  readonly reader: EventReader;
  readonly horizon: () => Promise<Horizon>;
  readonly report: Report;
  readonly onFolded: (eventCount: number) => void;
  readonly signal: AbortSignal;
};

/** The events that the view is made of; `trace` leaves those that carry it. */
export function sourceOf(bench: WorkBench, trace: string | null = null): LedgerSource {
  const { ledger, reader, view, signal } = bench;
  return { session: ledger, reader, view, trace, signal };
}

/** Sequences added up: how many events are below these positions. */
export function eventsBelow(positions: ReadonlyMap<number, Pick<Position, 'seq'>>): number {
  let count = 0;
  for (const { seq } of positions.values()) count += seq;
  return count;
}
