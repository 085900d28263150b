import { decodeCommand, decodeEvent, payloadDigest, readFrame } from '@tradestream/contracts';
import { checkCommand, commandKey, type EventEnvelope, type TradeCommand } from '@tradestream/trading';
import { holdOf, statusOf, TradingModel } from '../property/trading-model.ts';
import { RACED_ORDER } from './commands.ts';
import type { EventRow, ReceiptRow } from './database/ledger-tables.ts';
import type { AppendedRecord } from './simulated-log.ts';
import { viewContradictions } from './view-oracle.ts';
import type { Wiring } from './wiring.ts';

/** A record of the commands topic, read by nothing of the worker. */
type Command = {
  readonly record: AppendedRecord;
  readonly place: string;
  /** Null where the record has none and its place gives it. */
  readonly commandId: string | null;
  readonly command: TradeCommand;
  readonly hash: string;
};

/** What a world must come to, whatever went wrong in it; returns what does not hold. */
export function judge(wiring: Wiring): readonly string[] {
  const { ledger, topics, log, server } = wiring;
  const failures: string[] = [];
  const records = log.appended.get(topics.commands) ?? [];
  const published = log.appended.get(topics.events) ?? [];
  const commands: Command[] = [];
  const poison: AppendedRecord[] = [];
  for (const record of records) {
    const command = commandOf(record);
    if (command === null) poison.push(record);
    else commands.push(command);
  }
  const events = [...ledger.events.rows.values()].toSorted((a, b) => a.batch - b.batch || a.index - b.index);
  const envelopes = events.map(({ payload }) => decodeEvent(payload));
  failures.push(
    ...outcomes(wiring, commands, poison),
    ...keyOrder(wiring, commands),
    ...history(wiring, commands),
    ...sequences(wiring, events, envelopes),
    ...topicContradictions(events, published),
    ...viewContradictions(wiring, envelopes),
  );
  // Every writer locks in one order: nobody ever waits in a circle.
  if (server.deadlocks > 0) failures.push(`${server.deadlocks} deadlocks`);
  return failures;
}

function commandOf(record: AppendedRecord): Command | null {
  if (record.value === null) return null;
  try {
    const { commandId, command } = decodeCommand(readFrame(record.value).payload);
    if (checkCommand(command) !== null || commandKey(command) !== record.key) return null;
    const place = `${record.partition}/${record.offset}`;
    return { record, place, commandId, command, hash: payloadDigest(command) };
  } catch {
    return null;
  }
}

/** Every record has exactly one outcome, every command id exactly one receipt. */
function outcomes(
  { ledger }: Wiring,
  commands: readonly Command[],
  poison: readonly AppendedRecord[],
): readonly string[] {
  const failures: string[] = [];
  const byPlace = new Map<string, ReceiptRow>();
  for (const receipt of ledger.receipts.rows.values()) {
    const place = `${receipt.partition}/${receipt.offset}`;
    if (byPlace.has(place)) failures.push(`two receipts for the record at ${place}`);
    byPlace.set(place, receipt);
  }
  const places = new Set(commands.map(({ place }) => place));
  for (const place of byPlace.keys()) if (!places.has(place)) failures.push(`a receipt for no command at ${place}`);
  for (const { place, commandId, hash, command } of commands) {
    const receipt = commandId === null ? byPlace.get(place) : ledger.receipts.rows.get(commandId);
    if (receipt === undefined) {
      failures.push(`no receipt for ${command.type} at ${place}`);
      continue;
    }
    const isFirst = byPlace.get(place) === receipt;
    const isSame = receipt.hash.toString('latin1') === hash;
    const isConflict = ledger.conflicts.rows.has(place.replace('/', '|'));
    if (isFirst && !isSame) failures.push(`the receipt at ${place} is of another payload`);
    if (!isFirst && isConflict === isSame) failures.push(`the record at ${place} is ${isSame ? 'a' : 'no'} conflict`);
    if (isFirst && isConflict) failures.push(`the record at ${place} has a receipt and a conflict`);
    const isParked = ledger.parked.rows.has(place.replace('/', '|'));
    if (isParked !== (isFirst && receipt.outcome === 'parked')) failures.push(`parked and receipt differ at ${place}`);
  }
  for (const { partition, offset } of poison) {
    if (!ledger.parked.rows.has(`${partition}|${offset}`))
      failures.push(`poison at ${partition}/${offset} is not parked`);
  }
  return failures;
}

/** Once a command is parked, no later one of its key in its partition is decided. */
function keyOrder({ ledger }: Wiring, commands: readonly Command[]): readonly string[] {
  const blocked = new Set<string>();
  const failures: string[] = [];
  for (const { place, record } of commands) {
    const key = `${record.partition} ${record.key}`;
    const parked = ledger.parked.rows.get(place.replace('/', '|'));
    const decided = [...ledger.receipts.rows.values()].find(
      (each) => `${each.partition}/${each.offset}` === place && each.outcome !== 'parked',
    );
    if (blocked.has(key) && decided !== undefined) failures.push(`the command at ${place} has overtaken a parked one`);
    if (parked?.blocksKey === true) blocked.add(key);
  }
  return failures;
}

/** Deciding everything again, in the order of history and by a model of its own, gives every outcome and balance. */
function history({ ledger }: Wiring, commands: readonly Command[]): readonly string[] {
  const failures: string[] = [];
  const model = new TradingModel();
  const byPlace = new Map(commands.map((command) => [command.place, command]));
  const decided = [...ledger.receipts.rows.values()]
    .filter(({ outcome }) => outcome !== 'parked')
    .toSorted((a, b) => a.batch - b.batch || a.index - b.index);
  for (const receipt of decided) {
    const command = byPlace.get(`${receipt.partition}/${receipt.offset}`)?.command;
    if (command === undefined) continue;
    const expected = model.run(command);
    const outcome = receipt.outcome === 'applied' ? 'applied' : (receipt.reason ?? '');
    // Of an order id that races under two symbols a refusal may name another reason: it changes nothing.
    const named =
      'buyOrderId' in command
        ? [command.buyOrderId, command.sellOrderId]
        : 'orderId' in command
          ? [command.orderId]
          : [];
    const isRaced = named.includes(RACED_ORDER);
    const mayDiffer = isRaced && expected !== 'applied' && outcome !== 'applied';
    if (outcome !== expected && !mayDiffer) {
      failures.push(
        `${command.type} in batch ${receipt.batch} index ${receipt.index}: ${outcome}, by the model ${expected}`,
      );
    }
  }
  return [...failures, ...stateContradictions(ledger, model)];
}

function stateContradictions(ledger: Wiring['ledger'], model: TradingModel): readonly string[] {
  const failures: string[] = [];
  const sums = new Map<string, bigint>();
  for (const { userId, asset, available, held } of ledger.balances.rows.values()) {
    sums.set(asset, (sums.get(asset) ?? 0n) + available + held);
    if (available !== model.free(userId, asset) || held !== model.held(userId, asset)) {
      failures.push(
        `${userId} has ${available} and ${held} ${asset}, by the model ${model.free(userId, asset)} and ${model.held(userId, asset)}`,
      );
    }
  }
  for (const asset of ['USD', 'BTC', 'ETH']) {
    if ((sums.get(asset) ?? 0n) !== model.paidIn(asset)) failures.push(`${asset} is not conserved`);
  }
  for (const order of ledger.orders.rows.values()) {
    const modelled = model.orders.get(order.orderId);
    const same =
      modelled !== undefined &&
      modelled.limit === order.price &&
      modelled.wanted === order.quantity &&
      modelled.done === order.filled &&
      holdOf(modelled) === order.hold &&
      statusOf(modelled) === order.status;
    if (!same) failures.push(`order ${order.orderId} is not as the model has it`);
  }
  if (ledger.orders.rows.size !== model.orders.size)
    failures.push(`${ledger.orders.rows.size} orders, by the model ${model.orders.size}`);
  return failures;
}

/** Sequences have no gap, an event is where its receipt says, its bytes say the same, and the fold of all is the state. */
function sequences(
  { ledger, profile }: Wiring,
  events: readonly EventRow[],
  envelopes: readonly EventEnvelope[],
): readonly string[] {
  const failures: string[] = [];
  for (let partition = 0; partition < profile.partitions; partition += 1) {
    const seqs = events.filter((row) => row.partition === partition).map(({ seq }) => seq);
    const last = ledger.partitions.rows.get(String(partition))?.eventSeq ?? 0;
    const isWhole = seqs.length === last && seqs.toSorted((a, b) => a - b).every((seq, index) => seq === index + 1);
    if (!isWhole) failures.push(`partition ${partition} has events ${seqs.join(' ')} and stands at ${last}`);
  }
  const balances = new Map<string, string>();
  for (const [index, envelope] of envelopes.entries()) {
    const row = events[index];
    const receipt = ledger.receipts.rows.get(row?.commandId ?? '');
    if (row === undefined || receipt?.seq !== row.seq || receipt.partition !== row.partition) {
      failures.push(`the event ${row?.partition}/${row?.seq} has no receipt that names it`);
      continue;
    }
    const said = [envelope.partition, envelope.seq, envelope.batch, envelope.timeline, envelope.commandId].join(' ');
    const stands = [row.partition, row.seq, row.batch, row.timeline, row.commandId].join(' ');
    if (said !== stands || receipt.batch !== row.batch) failures.push(`an event says ${said} and stands as ${stands}`);
    if (envelope.event.type === 'CommandRejected') continue;
    for (const { userId, asset, available, held, version } of envelope.event.balances) {
      balances.set(`${userId}|${asset}`, `${available} ${held} ${version}`);
    }
  }
  const decided = [...ledger.receipts.rows.values()].filter(({ outcome }) => outcome !== 'parked').length;
  if (decided !== events.length) failures.push(`${decided} receipts of decided commands, ${events.length} events`);
  for (const [key, folded] of balances) {
    const row = ledger.balances.rows.get(key);
    const stands = row === undefined ? 'nothing' : `${row.available} ${row.held} ${row.version}`;
    if (stands !== folded) failures.push(`balance ${key} is ${stands}, by the events ${folded}`);
  }
  return failures;
}

/** What is on the topic is what is in the ledger, each event in its order; it may come again. */
function topicContradictions(events: readonly EventRow[], published: readonly AppendedRecord[]): readonly string[] {
  const failures: string[] = [];
  const byPlace = new Map(events.map((row) => [`${row.partition}/${row.seq}`, row]));
  const reached = new Map<number, number>();
  for (const { partition, value } of published) {
    const payload = value === null ? Buffer.alloc(0) : readFrame(value).payload;
    const { seq } = decodeEvent(payload);
    const row = byPlace.get(`${partition}/${seq}`);
    if (row === undefined) failures.push(`the topic has an event ${partition}/${seq} that the ledger has not`);
    else if (!row.payload.equals(payload))
      failures.push(`the topic has another event at ${partition}/${seq} than the ledger`);
    const last = reached.get(partition) ?? 0;
    if (seq > last + 1) failures.push(`the topic goes from ${partition}/${last} to ${seq}`);
    reached.set(partition, Math.max(last, seq));
  }
  for (const { partition, seq } of events) {
    if (seq > (reached.get(partition) ?? 0)) failures.push(`the event ${partition}/${seq} is not on the topic`);
  }
  return failures;
}
