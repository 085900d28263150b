import { invariant } from '@tradestream/runtime';
import { commandOf, type Decision, evolve, type State, type TradeCommand } from '@tradestream/trading';
import { type Effect, effectOfDecision, effectOfEvent, sameEffect } from './compare-event.ts';
import type { DryState, Keys } from './dry-state.ts';
import type { HistoryEvent } from './read-history.ts';

/** The rules that history is held against. */
export type Decide = (command: TradeCommand, state: State) => Decision;

export type EventDifference = { readonly event: HistoryEvent; readonly told: Effect; readonly again: Effect };

/** A decision asks for orders first, then for the balances that they name. */
const ROUNDS_MAX = 8;

/** Takes events for what they say, in both columns: the state before the run. */
export function fold(state: DryState, events: readonly HistoryEvent[]): void {
  for (const { event } of events) {
    if (event.type === 'CommandRejected') continue;
    for (const balance of event.balances) {
      state.tellBalance(balance);
      state.setBalance(balance);
    }
    for (const order of event.orders) {
      state.tellOrder(order);
      state.setOrder(order);
    }
  }
}

/** Decides the commands of events again, in their order. Answers those that come to something else. */
export async function decideAgain(
  state: DryState,
  events: readonly HistoryEvent[],
  decide: Decide,
): Promise<readonly EventDifference[]> {
  await state.load(keysOf(events));
  const differences: EventDifference[] = [];
  for (const event of events) {
    const decision = await decideOne(state, commandOf(event.event), decide);
    const again = effectOfDecision(decision, ({ userId, asset }) => state.balance(userId, asset));
    if (decision.accepted) evolve(state, decision.event);
    const told = effectOfEvent(event.event, (balance) => state.tellBalance(balance));
    if (event.event.type !== 'CommandRejected') for (const order of event.event.orders) state.tellOrder(order);
    if (!sameEffect(told, again)) differences.push({ event, told, again });
  }
  return differences;
}

/** Decisions are pure: one that lacked something is made again once that was loaded. */
async function decideOne(state: DryState, command: TradeCommand, decide: Decide): Promise<Decision> {
  for (let round = 1; ; round += 1) {
    const decision = decide(command, state);
    if (!state.isMissing) return decision;
    invariant(round < ROUNDS_MAX, 'what a decision names is loaded within a few rounds');
    await state.loadMissing();
  }
}

/** What the page touched when it was applied; where the rules differ, more is loaded as it is asked for. */
function keysOf(events: readonly HistoryEvent[]): Keys {
  const balances = new Map<string, { readonly userId: string; readonly asset: string }>();
  const orders = new Set<string>();
  const trades = new Map<string, { readonly symbol: string; readonly tradeId: string }>();
  for (const { event } of events) {
    const command = commandOf(event);
    if ('orderId' in command) orders.add(command.orderId);
    if ('asset' in command) balances.set(`${command.asset} ${command.userId}`, command);
    if (command.type === 'ExecuteTrade') {
      orders.add(command.buyOrderId).add(command.sellOrderId);
      trades.set(`${command.tradeId} ${command.symbol}`, command);
    }
    if (event.type === 'CommandRejected') continue;
    for (const balance of event.balances) balances.set(`${balance.asset} ${balance.userId}`, balance);
  }
  return { balances: [...balances.values()], orders: [...orders], trades: [...trades.values()] };
}
