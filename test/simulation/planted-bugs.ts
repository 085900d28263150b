import { arrays, DatabaseError } from '@tradestream/database';
import { columns } from './database/columns.ts';
import type { SessionManners } from './database/ends.ts';
import { copiedReceipts } from './database/ledger-statements.ts';
import { type LedgerTables, pair, type ReceiptRow } from './database/ledger-tables.ts';
import { claimAnswer } from './database/partition-statements.ts';
import type { RunStatement, Statements } from './database/statement.ts';
import type { ViewTables } from './database/view-tables.ts';
import type { Extra, Profile } from './profile.ts';
import type { SeedOptions } from './world.ts';

type Tables = { readonly ledger: LedgerTables; readonly views: ViewTables };
type NamedChange = (run: RunStatement, tables: Tables) => RunStatement;

const NO_ROWS: readonly object[] = [];
const NOTHING: NamedChange = () => () => NO_ROWS;

/** Statements that do less than they should, by the bug that this is. */
const STATEMENTS: Readonly<Record<string, Readonly<Record<string, NamedChange>>>> = {
  'the fence is not checked': {
    move_partitions: (_, { ledger }) => moveUnchecked(ledger),
    lock_partitions: NOTHING,
  },
  'the offset is moved before the batch, in a transaction of its own': {
    move_partitions:
      (run, { ledger }) =>
      (host, tx, values) => {
        run(host, tx, values);
        for (const partition of columns.number(values[1])) {
          const row = ledger.partitions.read(tx, String(partition));
          if (row !== undefined) ledger.partitions.rows.set(String(partition), row);
        }
        return NO_ROWS;
      },
  },
  'command ids are looked up, and not kept unique': {
    copy_ledger_receipts:
      (run, { ledger }) =>
      (host, tx, values) => {
        // Whoever has one already is overwritten.
        for (const { commandId } of copiedReceipts(values[0])) {
          if (ledger.receipts.read(tx, commandId) !== undefined) ledger.receipts.write(tx, commandId, undefined);
        }
        return run(host, tx, values);
      },
  },
  'balances are written whatever their version': { write_balances: (_, { ledger }) => writeUnchecked(ledger, 'all') },
  'a refusal rests on a balance that is not compared': {
    write_balances: (_, { ledger }) => writeUnchecked(ledger, 'read only'),
  },
  'a first credit has no row to lock': {
    add_zero_balances: NOTHING,
    write_balances: (_, { ledger }) => writeUnchecked(ledger, 'first'),
  },
  'the relay reads by the time of events': {
    load_events: (run) => (host, tx, values) => {
      const [partition, after, last, count] = values;
      const before = run(host, tx, [partition, Number(after) - 1, after, 1]).at(0);
      const time = timeOf(before);
      return run(host, tx, [partition, after, last, count]).filter((row) => timeOf(row) !== time);
    },
  },
  'what is parked is forgotten': { 'INSERT INTO ledger.parked': NOTHING },
  'a conflict leaves no trace': { 'INSERT INTO ledger.conflicts': NOTHING },
  'the position is moved outside of the projection': {
    move_positions:
      (run, { views }) =>
      (host, tx, values) => {
        run(host, tx, values);
        const partitions = columns.number(values[2]);
        for (const [at, projection] of columns.text(values[0]).entries()) {
          const key = pair(projection, partitions[at] ?? -1);
          const row = views.positions.read(tx, key);
          if (row !== undefined) views.positions.rows.set(key, row);
        }
        return NO_ROWS;
      },
  },
  'rows of a view are written outside of the transaction': {
    upsert_trades:
      (run, { views }) =>
      (host, tx, values) => {
        run(host, tx, values);
        for (const id of columns.text(values[0])) {
          const row = views.trades.read(tx, id);
          if (row !== undefined) views.trades.rows.set(id, row);
        }
        return NO_ROWS;
      },
  },
  'a position moves whoever was there': {
    move_positions:
      (run, { views }) =>
      (host, tx, values) => {
        const partitions = columns.number(values[2]);
        const rows = columns
          .text(values[0])
          .map((name, at) => views.positions.read(tx, pair(name, partitions[at] ?? -1)));
        const seqs = arrays.int8(rows.map((row) => row?.seq ?? 0));
        return run(host, tx, values.with(3, seqs).with(4, arrays.int8(rows.map((row) => row?.nextOffset ?? 0))));
      },
  },
  'an unknown commit is settled by a plain read': {
    'FROM ledger.claim_again(':
      (_, { ledger }) =>
      (__, tx, values) =>
        columns.number(values[1]).flatMap((partition) => {
          const row = ledger.partitions.read(tx, String(partition));
          return row === undefined ? [] : [claimAnswer(row)];
        }),
  },
  'an intent is executed by whoever sees it': {
    intents_wait: (run) => (host, tx, values) => run(host, tx, values.with(1, EVERY_PARTITION)),
    load_intents: (run) => (host, tx, values) => run(host, tx, values.with(1, EVERY_PARTITION)),
  },
  'a redrive that failed again passes for done': {
    settle_intents: (run) => (host, tx, values) => {
      const outcomes = columns.text(values[1]).map((outcome) => (outcome === 'parked' ? 'applied' : outcome));
      return run(host, tx, values.with(1, arrays.text(outcomes)));
    },
  },
  'an edit is not remembered': { add_edits: NOTHING },
  'the archive is not asked for what is not found': {
    expect_unarchived: NOTHING,
    load_receipts:
      (run, { ledger }) =>
      (host, tx, [ids]) => {
        const kept = columns.text(ids).filter((id) => ledger.receipts.read(tx, id) !== undefined);
        return run(host, tx, [arrays.uuid(kept)]);
      },
  },
  'receipts leave before they are in the archive': {
    archive_receipts: (_, { ledger }) => archiveInTwo(ledger),
  },
  'a lower version overwrites a view': {
    upsert_balances:
      (run, { views }) =>
      (host, tx, values) => {
        const assets = columns.text(values[1]);
        for (const [at, userId] of columns.text(values[0]).entries()) {
          views.balances.write(tx, pair(userId, assets[at] ?? ''), undefined);
        }
        return run(host, tx, values);
      },
  },
};

const EVERY_PARTITION = arrays.int4([0, 1, 2]);

/** Connections and producers that say something is done when it is not. */
const MANNERS: Readonly<Record<string, SessionManners>> = {
  'acknowledged before COMMIT has answered': { commitIsNotAwaited: true },
  'published before the standbys have it': { alonePasses: true },
  'an unknown commit passes for done': { unknownPasses: true },
};

const FORGETFUL_PRODUCER = 'events count as published before the broker has them';

/** Bugs that are planted in what the product works with, by their names; others sit in its sources. */
export const COLLABORATOR_BUGS: readonly string[] = [
  ...Object.keys(MANNERS),
  ...Object.keys(STATEMENTS),
  FORGETFUL_PRODUCER,
];

const HARD_MS = 400;

/** Bugs that show only where something seldom goes wrong: their worlds have more of it. */
const HARD_WORLDS: Readonly<Record<string, (profile: Profile) => Profile>> = {
  'published before the standbys have it': (profile) => ({
    ...profile,
    timed: [0.2, 0.5, 0.8].flatMap((part) => [
      { atMs: profile.spanMs * part, fault: 'cancel wait' as const },
      { atMs: profile.spanMs * part + profile.standbyMs * 3.5, fault: 'promote standby' as const },
    ]),
  }),
  'an unknown commit is settled by a plain read': (profile) => ({
    ...profile,
    timed: [0.2, 0.5, 0.8].flatMap((part) => [
      { atMs: profile.spanMs * part, fault: 'cancel wait' as const },
      { atMs: profile.spanMs * part + profile.standbyMs * 3.5, fault: 'promote standby' as const },
    ]),
  }),
  'rows of a view are written outside of the transaction': cutOften,
  'what a failed batch left in memory is kept': cutOften,
  'locks taken in no order': (profile) => ({ ...profile, pauses: 0.3 }),
  'later commands of a key overtake a parked one': (profile) => ({ ...profile, cursed: true }),
  'what is parked while others are copied is forgotten': (profile) => ({ ...profile, cursed: true }),
  'a position moves whoever was there': (profile) => ({
    ...profile,
    sessionTimeoutMs: 60,
    healedAtMs: HARD_MS,
    timed: Array.from({ length: 16 }, (_, index) => ({
      atMs: HARD_MS * (index / 16),
      fault: index % 2 === 0 ? ('freeze projector' as const) : ('expel projector' as const),
    })),
  }),
};

function cutOften(profile: Profile): Profile {
  return { ...profile, healedAtMs: profile.spanMs * 4, chances: { ...profile.chances, cutBeforeCommit: 0.15 } };
}

/** What worlds need to have for a bug to do anything in them. */
const EXTRAS: Readonly<Record<string, readonly Extra[]>> = {
  'an intent is executed by whoever sees it': ['operators'],
  'a redrive that failed again passes for done': ['operators'],
  'an edit is not remembered': ['operators'],
  'a key is released against its order': ['operators'],
  'new commands of a key overtake what is being released': ['operators'],
  'the archive is not asked for what is not found': ['archive'],
  'receipts leave before they are in the archive': ['archive'],
  'a token is read before COMMIT': ['readers'],
};

/** How a world with this bug is run. */
export function plantedBug(name: string): SeedOptions {
  const changes = STATEMENTS[name];
  const manners = MANNERS[name];
  return {
    ...(changes === undefined
      ? {}
      : { statements: (all: Statements, tables: Tables) => changed(all, changes, tables) }),
    ...(manners === undefined ? {} : { manners }),
    forgetfulProducer: name === FORGETFUL_PRODUCER,
    extras: EXTRAS[name] ?? [],
    ...(HARD_WORLDS[name] === undefined ? {} : { profile: HARD_WORLDS[name] }),
  };
}

function changed(all: Statements, changes: Readonly<Record<string, NamedChange>>, tables: Tables): Statements {
  const change = (name: string, run: RunStatement) => changes[name]?.(run, tables) ?? run;
  return {
    named: Object.fromEntries(Object.entries(all.named).map(([name, run]) => [name, change(name, run)])),
    unnamed: all.unnamed.map(([text, run]) => [text, change(text, run)]),
  };
}

function moveUnchecked(ledger: LedgerTables): RunStatement {
  return (_, tx, values) => {
    const [toOffsets, toSeqs] = [columns.number(values[4]), columns.number(values[7])];
    const hashes = columns.bytes(values[5]);
    for (const [at, partition] of columns.number(values[1]).entries()) {
      const row = ledger.partitions.lock(tx, String(partition));
      if (row === undefined) continue;
      const moved = { nextOffset: toOffsets[at] ?? 0, eventSeq: toSeqs[at] ?? 0, lastHash: hashes[at] ?? null };
      ledger.partitions.write(tx, String(partition), { ...row, ...moved });
    }
    return NO_ROWS;
  };
}

/** Balances with a version that is not compared: of all rows, of those only read, of those that were not there. */
function writeUnchecked(ledger: LedgerTables, which: 'all' | 'read only' | 'first'): RunStatement {
  return (_, tx, values) => {
    const [assets, from, to] = [columns.text(values[1]), columns.number(values[2]), columns.number(values[3])];
    const [availables, helds] = [columns.amount(values[4]), columns.amount(values[5])];
    for (const [at, userId] of columns.text(values[0]).entries()) {
      const asset = assets[at] ?? '';
      const isUnchecked = which === 'all' || (which === 'first' ? from[at] === 0 : from[at] === to[at]);
      if (which === 'read only' && isUnchecked) continue;
      const row = ledger.balances.lock(tx, pair(userId, asset));
      if (!isUnchecked && row?.version !== from[at]) throw new DatabaseError('TS003');
      const [available = 0n, held = 0n, version = 0] = [availables[at], helds[at], to[at]];
      ledger.balances.write(tx, pair(userId, asset), { userId, asset, available, held, version });
    }
    return NO_ROWS;
  };
}

/** Takes receipts out in one transaction, and brings them to the archive in the next. */
function archiveInTwo(ledger: LedgerTables): RunStatement {
  let leaving: readonly ReceiptRow[] | null = null;
  return (_, tx, values) => {
    const [partition = -1, before = 0] = values.slice(1).map(Number);
    if (leaving === null) {
      leaving = [...ledger.receipts.rows.values()].filter(
        (row) => row.partition === partition && row.offset < before && row.seq !== null,
      );
      for (const { commandId } of leaving) ledger.receipts.rows.delete(commandId);
      return [{ moved: 0, done: false }];
    }
    for (const row of leaving) ledger.archive.add(tx, row.commandId, row);
    const archivedSeq = Math.max(0, ...leaving.map(({ seq }) => seq ?? 0));
    ledger.retention.write(tx, String(partition), { archivedSeq, discarded: false });
    leaving = null;
    return [{ moved: 0, done: true }];
  };
}

function timeOf(row: object | undefined): unknown {
  return row !== undefined && 'occurred_at' in row ? row.occurred_at : null;
}
