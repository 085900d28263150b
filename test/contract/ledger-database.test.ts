import type { Session } from '@tradestream/database';
import { afterAll, afterEach, beforeAll, describe, inject } from 'vitest';
import { archiveLaws } from './ledger-archive-laws.ts';
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
  viewLaws(table);
  releaseLaws(table);
  archiveLaws(table);
});
