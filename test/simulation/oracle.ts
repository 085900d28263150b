import { decodeEvent, readFrame } from '@tradestream/contracts';
import type { EventEnvelope } from '@tradestream/trading';
import { holdOf, statusOf, TradingModel } from '../property/trading-model.ts';
import { RACED_ORDER } from './commands.ts';
import type { EventRow } from './database/ledger-tables.ts';
import { type Evidence, gatherEvidence, isDecided } from './evidence.ts';
import { outcomeContradictions } from './outcome-oracle.ts';
import { releaseContradictions } from './release-oracle.ts';
import type { AppendedRecord } from './simulated-log.ts';
import { viewContradictions } from './view-oracle.ts';
import type { Wiring } from './wiring.ts';

/**
 * Of an order id that races under two symbols a refusal may rest on its absence, while the batch that
 * places it stands before: decision 0009. By the reason given and the one by the model.
 */
const RACED_REASONS: ReadonlySet<string> = new Set([
  'UNKNOWN_ORDER SYMBOL_MISMATCH',
  'INSUFFICIENT_FUNDS DUPLICATE_ORDER',
]);

/** What a world must come to, whatever went wrong in it; returns what does not hold. */
export function judge(wiring: Wiring): readonly string[] {
  const { ledger, topics, log, server } = wiring;
  const evidence = gatherEvidence(wiring);
  const published = log.appended.get(topics.events) ?? [];
  const events = [...ledger.events.rows.values()].toSorted((a, b) => a.batch - b.batch || a.index - b.index);
  const envelopes = events.map(({ payload }) => decodeEvent(payload));
  const failures = [
    ...outcomeContradictions(evidence),
    ...releaseContradictions(evidence),
    ...history(evidence),
    ...sequences(evidence, events, envelopes),
    ...topicContradictions(events, published),
    ...viewContradictions(wiring, envelopes),
  ];
  // Every writer locks in one order: nobody ever waits in a circle.
  if (server.deadlocks > 0) failures.push(`${server.deadlocks} deadlocks`);
  return failures;
}

/** Deciding everything again, in the order of history and by a model of its own, gives every outcome and balance. */
function history({ ledger, receipts, commandOf }: Evidence): readonly string[] {
  const failures: string[] = [];
  const model = new TradingModel();
  const decided = receipts.filter(isDecided).toSorted((a, b) => a.batch - b.batch || a.index - b.index);
  for (const receipt of decided) {
    const command = commandOf(receipt);
    if (command === null) continue;
    const expected = model.run(command);
    const outcome = receipt.outcome === 'applied' ? 'applied' : (receipt.reason ?? '');
    const named =
      'buyOrderId' in command
        ? [command.buyOrderId, command.sellOrderId]
        : 'orderId' in command
          ? [command.orderId]
          : [];
    const isRaced = named.includes(RACED_ORDER);
    const mayDiffer = isRaced && RACED_REASONS.has(`${outcome} ${expected}`);
    if (outcome !== expected && !mayDiffer) {
      failures.push(
        `${command.type} in batch ${receipt.batch} index ${receipt.index}: ${outcome}, by the model ${expected}`,
      );
    }
  }
  return [...failures, ...stateContradictions(ledger, model)];
}

function stateContradictions(ledger: Evidence['ledger'], model: TradingModel): readonly string[] {
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
  { ledger, profile, receipts, byId }: Evidence,
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
    const receipt = byId.get(row?.commandId ?? '');
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
  const decided = receipts.filter(isDecided).length;
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
