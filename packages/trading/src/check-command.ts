import { isAmount } from './amount.ts';
import type { Amount, TradeCommand } from './commands.ts';

/** Why something is no command at all: the field, and the rule that it breaks. */
export type Malformed = { readonly field: string; readonly rule: string };

const ID = /^[A-Za-z0-9._:-]{1,64}$/;
const ASSET = /^[A-Z0-9]{2,12}$/;
const PRINTABLE = /^[\x20-\x7e]{1,64}$/;

/** First and last microsecond of the years 1970 to 2200. */
const EXECUTED_AT_MIN = 0;
const EXECUTED_AT_MAX = Date.UTC(2201, 0, 1) * 1_000 - 1;

const RULES = {
  id: '1 to 64 characters of A-Z a-z 0-9 . _ : -',
  asset: '2 to 12 characters of A-Z 0-9',
  symbol: '1 to 64 printable ASCII characters',
  amount: 'a magnitude below 10^20 with at most 18 digits after the point',
  executedAt: 'a time in the years 1970 to 2200',
} as const;

/** What domain.md calls MALFORMED, for a command whose fields are all there with their types. */
export function checkCommand(command: TradeCommand): Malformed | null {
  switch (command.type) {
    case 'DepositFunds':
    case 'WithdrawFunds':
      return id('userId', command.userId) ?? asset('asset', command.asset) ?? amount('amount', command.amount);
    case 'PlaceOrder':
      return (
        id('orderId', command.orderId) ??
        id('userId', command.userId) ??
        symbol(command.symbol) ??
        amount('price', command.price) ??
        amount('quantity', command.quantity)
      );
    case 'AmendOrder':
      return (
        id('orderId', command.orderId) ??
        symbol(command.symbol) ??
        amount('price', command.price ?? 0n) ??
        amount('quantity', command.quantity ?? 0n)
      );
    case 'CancelOrder':
      return id('orderId', command.orderId) ?? symbol(command.symbol);
    case 'ExecuteTrade':
      return (
        id('tradeId', command.tradeId) ??
        symbol(command.symbol) ??
        id('buyOrderId', command.buyOrderId) ??
        id('sellOrderId', command.sellOrderId) ??
        amount('price', command.price) ??
        amount('quantity', command.quantity) ??
        executedAt(command.executedAt)
      );
  }
}

/** The key of a command's record: what is decided in order. */
export function commandKey(command: TradeCommand): string {
  return command.type === 'DepositFunds' || command.type === 'WithdrawFunds'
    ? `user:${command.userId}`
    : command.symbol;
}

function id(field: string, value: string): Malformed | null {
  return ID.test(value) ? null : { field, rule: RULES.id };
}

function asset(field: string, value: string): Malformed | null {
  return ASSET.test(value) ? null : { field, rule: RULES.asset };
}

function symbol(value: string): Malformed | null {
  return PRINTABLE.test(value) ? null : { field: 'symbol', rule: RULES.symbol };
}

function amount(field: string, value: Amount): Malformed | null {
  return isAmount(value) ? null : { field, rule: RULES.amount };
}

function executedAt(value: number): Malformed | null {
  const inRange = Number.isSafeInteger(value) && value >= EXECUTED_AT_MIN && value <= EXECUTED_AT_MAX;
  return inRange ? null : { field: 'executedAt', rule: RULES.executedAt };
}
