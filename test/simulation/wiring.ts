import { type Topics, topicsWithPrefix } from '@tradestream/contracts';
import type { LogAdmin, LogReader } from '@tradestream/messaging';
import { ledgerStatements } from './database/ledger-statements.ts';
import { LedgerTables } from './database/ledger-tables.ts';
import { MemoryServer } from './database/memory-server.ts';
import type { Statements } from './database/statement.ts';
import { viewStatements } from './database/view-statements.ts';
import { ViewTables } from './database/view-tables.ts';
import type { Profile } from './profile.ts';
import type { Scheduler } from './scheduler.ts';
import { SimulatedLog } from './simulated-log.ts';
import { EPOCH_MS } from './virtual-time.ts';

/** The outside of one world: a database, a broker, and how far apart everything is. */
export type Wiring = {
  readonly scheduler: Scheduler;
  readonly profile: Profile;
  readonly topics: Topics;
  readonly ledger: LedgerTables;
  readonly views: ViewTables;
  readonly server: MemoryServer;
  readonly log: SimulatedLog;
  readonly admin: LogAdmin;
  readonly reader: LogReader;
};

export async function openWiring(
  scheduler: Scheduler,
  profile: Profile,
  change: (statements: Statements, tables: { readonly ledger: LedgerTables; readonly views: ViewTables }) => Statements,
): Promise<Wiring> {
  const topics = topicsWithPrefix('');
  const ledger = new LedgerTables();
  const views = new ViewTables();
  const [ofLedger, ofViews] = [ledgerStatements(ledger), viewStatements(views)];
  const statements = change(
    { named: { ...ofLedger.named, ...ofViews.named }, unnamed: [...ofLedger.unnamed, ...ofViews.unnamed] },
    { ledger, views },
  );
  const { random } = scheduler;
  const hop = () => spread(profile.hopMs) * (random.chance(profile.spikes) ? 40 : 1);
  const spread = (ms: number) => ms * (0.5 + random.fraction());
  const server = new MemoryServer({
    scheduler,
    statements,
    latencies: { pauses: () => random.chance(profile.pauses), hop, standby: () => spread(profile.standbyMs) },
  });
  const log = new SimulatedLog({ scheduler, hop, epochMs: EPOCH_MS });
  const admin = await log.log.openAdmin();
  const reader = await log.log.openReader();
  await admin.createTopics([
    { topic: topics.commands, partitions: profile.partitions },
    { topic: topics.events, partitions: profile.partitions },
    { topic: topics.deadLetters, partitions: 1 },
  ]);
  return { scheduler, profile, topics, ledger, views, server, log, admin, reader };
}
