import type { LogAdmin, LogReader } from '@tradestream/messaging';
import { loadRows } from '../pages.ts';
import { readCommand } from '../read-command.ts';
import type { Snapshot } from '../snapshot.ts';
import { readJournal } from './journal.ts';

export type AcknowledgedOptions = {
  /** A file with one JSON object a line: `{"commandId", "topic", "partition", "offset"}`, the place where it was told. */
  readonly journal: string;
  readonly snapshot: Snapshot;
  readonly admin: LogAdmin;
  readonly reader: LogReader;
  readonly topic: string;
  readonly signal: AbortSignal;
};

export type AcknowledgedFindings = {
  readonly acknowledged: number;
  /** On the log, and not yet reached by a worker. */
  readonly waiting: number;
  /** Before the log's start: judged by their receipts alone. */
  readonly expired: number;
  readonly broken: readonly string[];
};

type Entry = { readonly commandId: string; readonly partition: number | null; readonly offset: number | null };

const IDS_AT_ONCE = 5_000;
const NAMED_MAX = 5;

/**
 * Every acknowledged command is on the log where its writer was told, and has a receipt once the ledger
 * has come that far.
 * @throws {VerifyError} JOURNAL_UNREADABLE
 */
export async function checkAcknowledged(options: AcknowledgedOptions): Promise<AcknowledgedFindings> {
  const entries = await readJournal(options.journal, { code: 'JOURNAL_UNREADABLE', entryOf });
  const onLog = await compareWithLog(options, entries);
  const without = await idsWithoutReceipt(options.snapshot, [...new Set(entries.map(({ commandId }) => commandId))]);
  const waiting = without.filter((id) => onLog.beyond.has(id));
  const lost = without.filter((id) => !onLog.beyond.has(id));
  const broken = [...onLog.broken, ...lost.map((id) => `command ${id} was acknowledged and has no receipt`)];
  return {
    acknowledged: entries.length,
    waiting: waiting.length,
    expired: onLog.expired,
    broken: broken.slice(0, NAMED_MAX),
  };
}

function entryOf({ commandId, partition, offset }: Readonly<Record<string, unknown>>): Entry | null {
  if (typeof commandId !== 'string') return null;
  return {
    commandId: commandId.toLowerCase(),
    partition: typeof partition === 'number' ? partition : null,
    offset: typeof offset === 'number' ? offset : null,
  };
}

type OnLog = {
  /** Ids at or beyond the offsets of the ledger. */
  readonly beyond: ReadonlySet<string>;
  readonly expired: number;
  readonly broken: readonly string[];
};

/** Reads the log from the first place of the journal on; each place must hold the command that was acknowledged there. */
async function compareWithLog(options: AcknowledgedOptions, entries: readonly Entry[]): Promise<OnLog> {
  const { admin, reader, snapshot, topic, signal } = options;
  const clusterId = await admin.clusterId();
  const beyond = new Set<string>();
  const broken: string[] = [];
  let expired = 0;
  const byPartition = Map.groupBy(entries, ({ partition }) => partition);
  for (const { partition, start, end } of await admin.ranges(topic)) {
    const told = new Map<number, string>();
    for (const { offset, commandId } of byPartition.get(partition) ?? [])
      if (offset !== null) told.set(offset, commandId);
    const next = snapshot.partitions.get(partition)?.nextOffset ?? 0;
    expired += [...told.keys()].filter((offset) => offset < start).length;
    const from = [...told.keys()].reduce((first, offset) => Math.min(first, offset), next);
    for await (const records of reader.read({ topic, partition, from: Math.max(start, from), to: end, signal })) {
      for (const record of records) {
        const wanted = told.get(record.offset);
        if (wanted === undefined && record.offset < next) continue;
        const { commandId } = readCommand(record, { schemas: snapshot.schemas, clusterId });
        if (record.offset >= next && commandId !== null) beyond.add(commandId);
        if (wanted !== undefined && commandId !== null && wanted !== commandId)
          broken.push(
            `${topic}/${partition} offset ${record.offset} was acknowledged as ${wanted} and holds ${commandId}`,
          );
        told.delete(record.offset);
      }
    }
    for (const [offset, commandId] of told) {
      if (offset >= start)
        broken.push(
          `command ${commandId} was acknowledged at ${topic}/${partition} offset ${offset}, where the log has no record`,
        );
    }
  }
  return { beyond, expired, broken };
}

async function idsWithoutReceipt({ session }: Snapshot, ids: readonly string[]): Promise<readonly string[]> {
  const without: string[] = [];
  for (let start = 0; start < ids.length; start += IDS_AT_ONCE) {
    const rows = await loadRows<{ id: string }>(
      session,
      `SELECT id::text FROM unnest($1::uuid[]) AS told (id)
       WHERE NOT EXISTS (SELECT FROM ledger.receipts AS r WHERE r.command_id = told.id)
         AND NOT EXISTS (SELECT FROM ledger.receipt_archive AS a WHERE a.command_id = told.id)`,
      [ids.slice(start, start + IDS_AT_ONCE)],
    );
    without.push(...rows.map(({ id }) => id));
  }
  return without;
}
