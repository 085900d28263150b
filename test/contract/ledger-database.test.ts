import { randomUUID } from 'node:crypto';
import { encodeEvent } from '@tradestream/contracts';
import type { Session } from '@tradestream/database';
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from 'vitest';
import { archiveLaws } from './ledger-archive-laws.ts';
import { batchLaws } from './ledger-batch-laws.ts';
import { type LedgerServer, openMemoryServer, openRealServer } from './ledger-bench.ts';
import type { LawTable } from './ledger-law-table.ts';
import { ownershipLaws } from './ledger-ownership-laws.ts';
import { releaseLaws } from './ledger-release-laws.ts';
import { rowLaws } from './ledger-row-laws.ts';
import { viewLaws } from './ledger-view-laws.ts';

/** What the simulation takes for the database must be what the database does. */
const SERVERS: readonly (readonly [string, () => Promise<LedgerServer>])[] = [
  ["the simulation's server", openMemoryServer],
  ['PostgreSQL', () => openRealServer(inject('endpoints'))],
];

describe.each(SERVERS)('%s holds the laws of the ledger', (_name, open) => {
  let server: LedgerServer;
  let sessions: Session[] = [];
  beforeAll(async () => {
    server = await open();
  });
  afterEach(async () => {
    await Promise.all(sessions.map((session) => session.close()));
    sessions = [];
  });
  afterAll(async () => {
    await server.close();
  });
  const kept = async (opening: Promise<Session>) => {
    const session = await opening;
    sessions.push(session);
    return session;
  };
  const table: LawTable = {
    server: () => server,
    worker: () => kept(server.openWorker()),
    projector: () => kept(server.openProjector()),
    monitor: () => kept(server.openMonitor()),
    gateway: () => kept(server.openGateway()),
  };
  ownershipLaws(table);
  rowLaws(table);
  batchLaws(table);
  viewLaws(table);
  releaseLaws(table);
  archiveLaws(table);
});

test('the server writes a batch number as Avro does, whatever its size', async () => {
  const server = await openRealServer(inject('endpoints'));
  const session = await server.openWorker();
  try {
    const edges = Array.from({ length: 53 }, (_, bits) => 2 ** bits).flatMap((edge) => [edge - 1, edge]);
    const { rows } = await session.query<{ bytes: Buffer }>({
      text: 'SELECT ledger.avro_long(number) AS bytes FROM unnest($1::bigint[]) WITH ORDINALITY AS made (number, at) ORDER BY at',
      values: [edges],
    });
    expect(rows.map(({ bytes }) => bytes.toString('hex'))).toEqual(edges.map(longOf));
  } finally {
    await session.close();
    await server.close();
  }
});

/** The bytes of a sequence in an event of partition 0, which is the byte before it, up to the timeline 0 behind it. */
function longOf(seq: number): string {
  const event = { type: 'FundsDeposited', userId: 'u', asset: 'USD', amount: 1n, balances: [], orders: [] } as const;
  const place = { partition: 0, seq, timeline: 0, batch: 0 };
  const bytes = encodeEvent({ ...place, commandId: randomUUID(), occurredAt: 0, event });
  return bytes.subarray(1, bytes.indexOf(Buffer.from([0, 0, 72]))).toString('hex');
}
