import { DatabaseError } from '@tradestream/database';
import { columns } from './columns.ts';
import { type IntentRow, type LedgerTables, type ParkedRow, parkedKeyOf } from './ledger-tables.ts';
import { recordAnswer } from './parked-statements.ts';
import type { StatementHost, Statements } from './statement.ts';
import type { Transaction } from './table.ts';

const NO_ROWS: readonly object[] = [];
/** What a function raises without a code of its own. */
const RAISED = 'P0001';

/** What operators ask for, and what the owner of a partition makes of it. */
export function releaseStatements(ledger: LedgerTables): Statements {
  return {
    named: {
      intents_wait: (_, tx, [, partitions]) => openIntents(ledger, tx, columns.number(partitions)).slice(0, 1),
      load_intents: (_, tx, [, partitions, count]) =>
        openIntents(ledger, tx, columns.number(partitions))
          .slice(0, Number(count))
          .flatMap((intent) => {
            const row = ledger.parked.read(tx, parkedKeyOf(intent.parkedId));
            return row === undefined ? [] : [queueAnswer(row, intent)];
          }),
      load_queues: (_, tx, [, partitions, keys, count]) => {
        const bytes = columns.bytes(keys);
        return columns
          .number(partitions)
          .flatMap((partition, at) => queueOf(ledger, tx, { partition, key: bytes[at] }).slice(0, Number(count)))
          .toSorted((a, b) => a.offset - b.offset || a.partition - b.partition)
          .slice(0, Number(count))
          .map((row) => queueAnswer(row, openIntentOf(ledger, tx, row)));
      },
      settle_receipts: (host, tx, values) => settleReceipts(ledger, { host, tx }, values),
      settle_parked: (_, tx, values) => settleParked(ledger, tx, values),
      add_edits: (_, tx, values) => addEdits(ledger, tx, values),
      settle_intents: (_, tx, values) => settleIntents(ledger, tx, values),
    },
    unnamed: [
      [
        'INSERT INTO ledger.jobs',
        (host, tx, [id]) => {
          ledger.jobs.insert(tx, String(id), { createdAtMs: host.nowMs });
          return NO_ROWS;
        },
      ],
      ['INSERT INTO ledger.intents', (host, tx, values) => ask(ledger, { host, tx }, values)],
    ],
  };
}

function openIntents(ledger: LedgerTables, tx: Transaction, partitions: readonly number[]): readonly IntentRow[] {
  return [...ledger.openIntents.all(tx)]
    .flatMap(({ id }) => ledger.intents.read(tx, String(id)) ?? [])
    .filter(({ partition }) => partitions.includes(partition))
    .toSorted((a, b) => a.id - b.id);
}

function openIntentOf(ledger: LedgerTables, tx: Transaction, { id }: ParkedRow): IntentRow | undefined {
  const open = ledger.openIntents.read(tx, String(id));
  return open === undefined ? undefined : ledger.intents.read(tx, String(open.id));
}

/** The records of a key that wait in it, in their order. */
function queueOf(
  ledger: LedgerTables,
  tx: Transaction,
  of: { readonly partition: number; readonly key: Buffer | undefined },
): readonly ParkedRow[] {
  return [...ledger.parked.all(tx)]
    .filter(({ partition, key, blocksKey, status }) => {
      const isQueued = blocksKey && status === 'parked' && partition === of.partition;
      return isQueued && key !== null && of.key?.equals(key) === true;
    })
    .toSorted((a, b) => a.offset - b.offset);
}

function queueAnswer(row: ParkedRow, intent: IntentRow | undefined): object {
  return {
    ...recordAnswer(row),
    command_id: row.commandId,
    blocks_key: row.blocksKey,
    status: row.status,
    tries: row.tries,
    intent_id: intent === undefined ? null : String(intent.id),
    kind: intent?.kind ?? null,
    edited_value: intent?.editedValue ?? null,
  };
}

type Running = { readonly host: StatementHost; readonly tx: Transaction };

function settleReceipts(ledger: LedgerTables, { host, tx }: Running, values: readonly unknown[]): readonly object[] {
  const [ids, outcomes, reasons] = [columns.text(values[0]), columns.text(values[1]), columns.textOrNull(values[2])];
  const [indexes, seqs] = [columns.numberOrNull(values[3]), columns.numberOrNull(values[4])];
  let written = 0;
  for (const [at, id] of ids.entries()) {
    const row = ledger.receipts.lockWhere(tx, id, ({ outcome }) => outcome === 'parked');
    if (row === undefined) continue;
    written += 1;
    const seq = seqs[at] ?? null;
    if (seq !== null && host.lastBatch === 0) throw new DatabaseError('55000');
    const place = seq === null ? {} : { batch: host.lastBatch, index: indexes[at] ?? -1 };
    ledger.receipts.write(tx, id, {
      ...row,
      ...place,
      seq,
      outcome: outcomes[at] ?? '',
      reason: reasons[at] ?? null,
    });
  }
  if (written < ids.length) throw new DatabaseError(RAISED);
  return NO_ROWS;
}

function settleParked(ledger: LedgerTables, tx: Transaction, values: readonly unknown[]): readonly object[] {
  const ids = columns.number(values[0]);
  const [statuses, reasons, messages] = values.slice(1, 4).map(columns.text);
  const [commandIds, blocking] = [columns.textOrNull(values[4]), columns.flag(values[5])];
  const attempts = columns.number(values[6]);
  let written = 0;
  for (const [at, id] of ids.entries()) {
    const row = ledger.parked.lockWhere(tx, parkedKeyOf(id), ({ status }) => status === 'parked');
    if (row === undefined) continue;
    written += 1;
    ledger.parked.write(tx, parkedKeyOf(id), {
      ...row,
      status: statuses?.[at] ?? '',
      reason: reasons?.[at] ?? '',
      message: messages?.[at] ?? '',
      commandId: commandIds[at] ?? null,
      blocksKey: blocking[at] ?? false,
      attempts: row.attempts + (attempts[at] ?? 0),
      tries: 0,
    });
  }
  if (written < ids.length) throw new DatabaseError(RAISED);
  return NO_ROWS;
}

function addEdits(ledger: LedgerTables, tx: Transaction, values: readonly unknown[]): readonly object[] {
  const [parkedIds, intentIds] = [columns.number(values[1]), columns.number(values[2])];
  const [originals, editeds] = [columns.bytesOrNull(values[3]), columns.bytes(values[4])];
  for (const [at, commandId] of columns.text(values[0]).entries()) {
    ledger.edits.insert(tx, commandId, {
      parkedId: parkedIds[at] ?? -1,
      intentId: intentIds[at] ?? -1,
      originalHash: originals[at] ?? null,
      editedHash: editeds[at] ?? Buffer.alloc(0),
    });
  }
  return NO_ROWS;
}

function settleIntents(ledger: LedgerTables, tx: Transaction, values: readonly unknown[]): readonly object[] {
  const [ids, outcomes] = [columns.number(values[0]), columns.text(values[1])];
  const messages = columns.textOrNull(values[2]);
  let written = 0;
  for (const [at, id] of ids.entries()) {
    const row = ledger.intents.lockWhere(tx, String(id), ({ outcome }) => outcome === null);
    if (row === undefined) continue;
    written += 1;
    const outcome = outcomes[at] ?? '';
    ledger.intents.write(tx, String(id), { ...row, outcome, message: messages[at] ?? null });
    ledger.openIntents.write(tx, String(row.parkedId), undefined);
    ledger.audit.insert(tx, String(ledger.nextIdentity()), { intentId: id, actor: row.actor, outcome });
  }
  if (written < ids.length) throw new DatabaseError(RAISED);
  return NO_ROWS;
}

/** Asks for what fits a filter and was asked for by nobody since the job was made. */
function ask(ledger: LedgerTables, { host, tx }: Running, values: readonly unknown[]): readonly object[] {
  const [jobId, kind, actor] = values.map(String);
  const created = ledger.jobs.read(tx, jobId ?? '')?.createdAtMs ?? Number.POSITIVE_INFINITY;
  const edited = typeof values[4] === 'string' ? Buffer.from(values[4], 'base64') : null;
  const picked = pick(ledger, tx, values);
  const known = [...ledger.intents.all(tx)];
  let asked = 0;
  for (const { id: parkedId, partition } of picked) {
    const isAsked = known.some(
      (each) => each.parkedId === parkedId && (each.outcome === null || each.requestedAtMs >= created),
    );
    const id = ledger.nextIdentity();
    if (isAsked || !ledger.openIntents.add(tx, String(parkedId), { id })) continue;
    asked += 1;
    ledger.intents.insert(tx, String(id), {
      id,
      parkedId,
      partition,
      jobId: jobId ?? '',
      kind: kind ?? '',
      editedValue: edited,
      actor: actor ?? '',
      requestedAtMs: host.nowMs,
      outcome: null,
      message: null,
    });
  }
  const mine = picked.filter(({ id }) => known.some((each) => each.parkedId === id && each.jobId === jobId)).length;
  return [
    {
      picked: picked.length,
      asked,
      lastId: picked.at(-1)?.id.toString() ?? null,
      alreadyAsked: picked.length - asked - mine,
    },
  ];
}

/** The portion of a filter by ids, key and reason; by time nobody asks here. */
function pick(ledger: LedgerTables, tx: Transaction, values: readonly unknown[]): readonly ParkedRow[] {
  const [after, last, limit] = values.slice(5, 8).map(Number);
  const [ids, key, reason] = values.slice(9, 12);
  return [...ledger.parked.all(tx)]
    .filter(
      (row) =>
        row.status === 'parked' &&
        row.id > (after ?? 0) &&
        row.id <= (last ?? 0) &&
        (!Array.isArray(ids) || ids.includes(String(row.id))) &&
        (!Buffer.isBuffer(key) || (row.key !== null && key.equals(row.key))) &&
        (reason === null || reason === row.reason),
    )
    .toSorted((a, b) => a.id - b.id)
    .slice(0, limit);
}
