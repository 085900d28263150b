import type { Balance } from '@tradestream/trading';
import type { BalanceColumns } from '../../services/worker/src/state/touched-balances.ts';

/** A balance as it was read, and as it is to be written. */
export type BalanceChange = { readonly before: Balance; readonly current: Balance };

export function columnsOf(changes: readonly BalanceChange[]): BalanceColumns {
  return {
    users: changes.map(({ current }) => current.userId),
    assets: changes.map(({ current }) => current.asset),
    foundVersions: changes.map(({ before }) => before.version),
    versions: changes.map(({ current }) => current.version),
    available: changes.map(({ current }) => current.available),
    held: changes.map(({ current }) => current.held),
  };
}

/** From the version of `balance`, or the one that is given for it. */
export function changeOf(balance: Balance, change: Partial<Balance>, before: Partial<Balance> = {}): BalanceChange {
  return { before: { ...balance, ...before }, current: { ...balance, ...change } };
}
