import { openSession } from '@tradestream/client';
import { verifyInstallation } from '@tradestream/verify';
import type { Terminal } from '../output/terminal.ts';
import type { ProduceSummary } from '../produce/produce-tally.ts';
import { Figures, roleOf } from './figures.ts';
import type { Installation } from './installation.ts';
import { waitUntil } from './wait-until.ts';

/** What a start shows, as `-o json` prints it. */
export type Summary = {
  readonly ok: boolean;
  readonly applied: number;
  readonly rejected: number;
  readonly parked: number;
  /** Executed trades of the loaded file. */
  readonly trades: number;
  /** `TradeExecuted` in the ledger. */
  readonly tradeExecutedEvents: number;
  readonly ratePerSecond: number;
  readonly conservation: { readonly ok: boolean };
  readonly verify: { readonly ok: boolean; readonly firstContradiction: string | null };
  readonly query: { readonly servedBy: string; readonly role: string };
  /** Events that some projection has not taken. */
  readonly lag: number;
  readonly urls: { readonly gateway: string; readonly docs: string; readonly monitor: string };
};

export type Loaded = { readonly summary: ProduceSummary; readonly seconds: number };

const CAUGHT_UP_MS = 60_000;

/** Waits for the projections, checks the invariants, asks a replica, and puts it all together. */
export async function summarise(installation: Installation, loaded: Loaded, signal: AbortSignal): Promise<Summary> {
  const { endpoints } = installation.stack;
  const figures = await Figures.open(endpoints);
  try {
    await waitUntil(async () => ((await figures.projectionLag()) === 0 ? true : null), {
      timeoutMs: CAUGHT_UP_MS,
      signal,
      describe: () => `the projections have not caught up within ${CAUGHT_UP_MS / 1_000} s`,
    });
    const verified = await verifyInstallation(endpoints, {
      signal,
      topicPrefix: process.env['TRADESTREAM_TOPIC_PREFIX'] ?? '',
    });
    const query = await askReplica(installation);
    const { outcomes, appliedTypes, sent, refused, conflicts, badLines } = loaded.summary;
    const trades = appliedTypes['ExecuteTrade'] ?? 0;
    const tradeExecutedEvents = await figures.tradeExecutedEvents();
    const lag = await figures.projectionLag();
    const gateway = installation.urlOf('gateway');
    return {
      ok:
        verified.ok &&
        refused + conflicts + badLines + outcomes.parked === 0 &&
        trades <= tradeExecutedEvents &&
        (query.role === 'replica' || Object.keys(endpoints.replicaUrls).length === 0),
      applied: outcomes.applied,
      rejected: outcomes.rejected,
      parked: outcomes.parked,
      trades,
      tradeExecutedEvents,
      ratePerSecond: Math.round(sent / Math.max(0.001, loaded.seconds)),
      conservation: { ok: verified.conservation },
      verify: { ok: verified.ok, firstContradiction: verified.firstContradiction },
      query,
      lag,
      urls: { gateway, docs: `${gateway}/docs`, monitor: installation.urlOf('monitor') },
    };
  } finally {
    await figures.close();
  }
}

/** The newest trade, from whichever replica the gateway chooses; the node says itself what it is. */
async function askReplica(installation: Installation): Promise<Summary['query']> {
  const session = openSession({ url: installation.urlOf('gateway') });
  await session.trades({ limit: 1 }, { preference: 'secondary' });
  const servedBy = session.servedBy ?? '';
  const { replicaUrls, databaseUrl } = installation.stack.endpoints;
  return { servedBy, role: await roleOf(replicaUrls[servedBy] ?? databaseUrl) };
}

/** The summary as it is for a program, in words for a reader. */
export function printSummary(terminal: Terminal, summary: Summary): void {
  if (terminal.format === 'json') return terminal.object(summary);
  const { urls, query, verify, conservation, ...figures } = summary;
  terminal.object({
    ...figures,
    conservation: conservation.ok ? 'holds' : 'BROKEN',
    verify: verify.ok ? 'every invariant holds' : (verify.firstContradiction ?? 'BROKEN'),
    query: `answered by ${query.servedBy} (${query.role})`,
    ...urls,
  });
}
