import { decodeEvent } from '@tradestream/contracts';
import { loadRows } from '../pages.ts';
import type { Snapshot } from '../snapshot.ts';

export type AnswersOptions = {
  readonly snapshot: Snapshot;
  readonly gateway: { readonly url: string; readonly token?: string | undefined };
  readonly signal: AbortSignal;
};

export type AnswersFindings = {
  readonly receipts: number;
  readonly orders: number;
  /** Receipts that were not answered alike twice. */
  readonly unlike: readonly string[];
  /** Orders that a token's bearer did not see. */
  readonly unseen: readonly string[];
};

const SAMPLE = 40;
const REQUEST_MS = 10_000;

/**
 * Asks the gateway for the newest receipts, twice each; with a receipt's token its order must be there,
 * whatever node answers, and must not be older when it is asked for again.
 * @throws {Error} when the gateway does not answer
 */
export async function checkAnswers(options: AnswersOptions): Promise<AnswersFindings> {
  const rows = await newestCommands(options.snapshot);
  const unlike: string[] = [];
  const unseen: string[] = [];
  let orders = 0;
  for (const { commandId, orderId } of rows) {
    const first = await receiptOf(options, commandId);
    const second = await receiptOf(options, commandId);
    if (withoutToken(first.body) !== withoutToken(second.body))
      unlike.push(`the receipt of ${commandId} is answered in two ways`);
    if (orderId === null || first.token === null) continue;
    orders += 1;
    const complaint = await sees(options, orderId, first.token);
    if (complaint !== null) unseen.push(complaint);
  }
  return { receipts: rows.length, orders, unlike, unseen };
}

/** The newest commands that touched an order, with that order, and as many that touched none. */
async function newestCommands({ session, schemas }: Snapshot) {
  const newest = async (types: string) =>
    await loadRows<{ command_id: string; payload: Buffer; schema_id: number }>(
      session,
      `SELECT command_id::text, payload, schema_id FROM ledger.events
       WHERE ${types} ORDER BY batch DESC, index DESC LIMIT ${SAMPLE / 2}`,
    );
  const events = [
    ...(await newest(`type IN ('OrderPlaced', 'OrderAmended', 'OrderCancelled', 'TradeExecuted')`)),
    ...(await newest(`type IN ('FundsDeposited', 'FundsWithdrawn', 'CommandRejected')`)),
  ];
  return events.map(({ command_id, payload, schema_id }) => {
    const { event } = decodeEvent(payload, schemas.get(schema_id));
    const orderId = event.type === 'CommandRejected' ? null : (event.orders[0]?.orderId ?? null);
    return { commandId: command_id, orderId };
  });
}

/** Why the bearer of a token does not see its order; null when it does. */
async function sees(options: AnswersOptions, orderId: string, token: string): Promise<string | null> {
  const path = `/v1/orders/${encodeURIComponent(orderId)}`;
  const before = await ask(options, path, token);
  if (before.status === 503) return null; // said that it was not visible yet
  if (before.status !== 200)
    return `order ${orderId} is answered with ${before.status} by ${before.servedBy} to the bearer of its token`;
  const after = await ask(options, path, before.token ?? token);
  if (after.status !== 200 || updatedAt(after.body) >= updatedAt(before.body)) return null;
  return `order ${orderId} is older on ${after.servedBy} than it was on ${before.servedBy} in the same session`;
}

/** @throws {Error} for any answer but the receipt: it is in the ledger, so the gateway cannot be asked now */
async function receiptOf(options: AnswersOptions, commandId: string) {
  const answer = await ask(options, `/v1/receipts/${commandId}`);
  if (answer.status !== 200) throw new Error(`it answered ${answer.status}: ${answer.body}`);
  return answer;
}

async function ask({ gateway, signal }: AnswersOptions, path: string, token?: string) {
  const headers: Record<string, string> = {};
  if (token !== undefined) headers['x-consistency-token'] = token;
  if (gateway.token !== undefined) headers['authorization'] = `Bearer ${gateway.token}`;
  const answer = await fetch(new URL(path, gateway.url), {
    headers,
    signal: AbortSignal.any([signal, AbortSignal.timeout(REQUEST_MS)]),
  });
  return {
    status: answer.status,
    body: await answer.text(),
    token: answer.headers.get('x-consistency-token'),
    servedBy: answer.headers.get('x-served-by') ?? 'nobody',
  };
}

/** A token is of the moment at which it is given. */
function withoutToken(body: string): string {
  const { token: _token, ...answer } = JSON.parse(body) as Record<string, unknown>; // our own route
  return JSON.stringify(answer);
}

function updatedAt(body: string): string {
  return (JSON.parse(body) as { readonly updatedAt: string }).updatedAt; // our own route
}
