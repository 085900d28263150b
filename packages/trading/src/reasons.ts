/** Why a command was refused. A reason is final for its command id and is never renamed. */
export const REASONS = [
  'INVALID_SYMBOL',
  'INVALID_AMOUNT',
  'BALANCE_LIMIT',
  'DUPLICATE_ORDER',
  'DUPLICATE_TRADE',
  'UNKNOWN_ORDER',
  'SYMBOL_MISMATCH',
  'SIDE_MISMATCH',
  'SELF_TRADE',
  'ORDER_NOT_OPEN',
  'NOTHING_TO_CHANGE',
  'QUANTITY_BELOW_FILLED',
  'PRICE_OUTSIDE_LIMIT',
  'QUANTITY_EXCEEDS_REMAINING',
  'INSUFFICIENT_FUNDS',
] as const;

export type Reason = (typeof REASONS)[number];
