import { ReceiptStore } from '../../services/gateway/src/receipts/receipt-store.ts';
import type { LedgerWorld } from './ledger-world.ts';

/** What the gateway answers for a command. */
export async function receiptOf(world: LedgerWorld, commandId: string) {
  const store = new ReceiptStore(async (statement) => (await world.session.query<never>(statement)).rows, '');
  return (await store.loadReceipt(commandId))?.answer;
}

/** What a user has of USD. */
export async function usdOf(world: LedgerWorld, userId: string): Promise<string | undefined> {
  const rows = await world.rows<{ available: string }>(
    `SELECT trim_scale(available)::text AS available FROM ledger.balances WHERE user_id = $1 AND asset = 'USD'`,
    [userId],
  );
  return rows[0]?.available;
}
