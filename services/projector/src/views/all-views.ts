import { BALANCES } from './balances-view.ts';
import { CANDLES } from './candles-view.ts';
import { FILLS } from './fills-view.ts';
import { ORDERS } from './orders-view.ts';
import { TRADES } from './trades-view.ts';
import { type View, viewFrom } from './view.ts';

/** Every projection, in the order in which a transaction writes them: the same for every projector. */
export const VIEWS: readonly View[] = [
  viewFrom(BALANCES),
  viewFrom(CANDLES),
  viewFrom(FILLS),
  viewFrom(ORDERS),
  viewFrom(TRADES),
];
