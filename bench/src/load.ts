import { type Amount, type TradeCommand, UNIT } from '@tradestream/trading';
import { RankDraw, SeededRandom } from './random.ts';

export type LoadOptions = {
  readonly seed: number;
  readonly users: number;
  readonly symbols: number;
  readonly openOrders: number;
  /** Exponent of Zipf's law over the users of a symbol; 0 is uniform. */
  readonly zipf: number;
};

export type LoadCommand = { readonly commandId: string; readonly command: TradeCommand };

/** The load of the published baselines: 100,000 users with three balances each, ten symbols, 4,000 open orders. */
export const BASELINE_LOAD: LoadOptions = { seed: 20_210_108, users: 100_000, symbols: 10, openOrders: 4_000, zipf: 0 };

type OpenOrder = { readonly orderId: string; readonly user: number; lotsLeft: number };
type Book = { readonly symbol: string; readonly buys: OpenOrder[]; readonly sells: OpenOrder[] };

const LOT: Amount = UNIT / 1_000n;
const LOTS_PER_ORDER = 2;
const START_AMOUNT: Amount = 1_000_000n * UNIT;
const REFUSED_SHARE = 0.005;
const CANCEL_SHARE = 0.05;
const DEPOSIT_SHARE = 0.05;
const TRADE_SHARE = 0.45;

/**
 * Commands in an order in which they are accepted, but for the share that is meant to be refused:
 * 45 % PlaceOrder, 45 % ExecuteTrade, 5 % CancelOrder, 5 % DepositFunds. Orders are of two lots and
 * trades of one, so that as many orders close as are placed.
 */
export class Load {
  readonly #random: SeededRandom;
  readonly #draw: RankDraw;
  readonly #books: readonly Book[];
  readonly #options: LoadOptions;
  #ids = 0;
  #orders = 0;
  #trades = 0;

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#random = new SeededRandom(options.seed);
    this.#draw = new RankDraw(this.#random, { count: holders(options), exponent: options.zipf });
    this.#books = Array.from({ length: options.symbols }, (_, index) => ({
      symbol: `${assetOf(index)}-USD`,
      buys: [],
      sells: [],
    }));
  }

  /** A first deposit for each of a user's three balances, and the orders that are open at the start. */
  *setup(): Generator<LoadCommand> {
    const { users, symbols, openOrders } = this.#options;
    for (let user = 0; user < users; user += 1) {
      for (const asset of ['USD', assetOf(user % symbols), assetOf((user + symbols / 2) % symbols)]) {
        yield this.#command({ type: 'DepositFunds', userId: userOf(user), asset, amount: START_AMOUNT });
      }
    }
    for (let order = 0; order < openOrders; order += 1) yield this.#place(order % symbols);
  }

  *commands(count: number): Generator<LoadCommand> {
    for (let made = 0; made < count; made += 1) yield this.#next();
  }

  /** As many as are asked for. */
  *endless(): Generator<LoadCommand, never> {
    for (;;) yield this.#next();
  }

  #next(): LoadCommand {
    const share = this.#random.next();
    const symbol = this.#random.below(this.#books.length);
    if (share < DEPOSIT_SHARE) {
      const command = {
        type: 'DepositFunds',
        userId: this.#user(symbol),
        asset: assetOf(symbol),
        amount: LOT,
      } as const;
      return this.#command(command);
    }
    if (share < DEPOSIT_SHARE + CANCEL_SHARE) return this.#cancel(symbol) ?? this.#place(symbol);
    if (share < DEPOSIT_SHARE + CANCEL_SHARE + TRADE_SHARE) return this.#trade(symbol) ?? this.#place(symbol);
    return this.#place(symbol);
  }

  #place(index: number): LoadCommand {
    const book = this.#bookOf(index);
    const user = this.#holder(index);
    const side = book.buys.length <= book.sells.length ? 'buy' : 'sell';
    const orderId = `o${(this.#orders++).toString(36)}`;
    const refused = this.#random.next() < REFUSED_SHARE;
    const lots = refused ? 10n ** 13n : BigInt(LOTS_PER_ORDER);
    if (!refused) (side === 'buy' ? book.buys : book.sells).push({ orderId, user, lotsLeft: LOTS_PER_ORDER });
    const price = (side === 'buy' ? 101n : 99n) * UNIT + BigInt(this.#random.below(100)) * (UNIT / 100n);
    return this.#command({
      type: 'PlaceOrder',
      orderId,
      userId: userOf(user),
      symbol: book.symbol,
      side,
      price: side === 'buy' ? price : price - UNIT,
      quantity: lots * LOT,
    });
  }

  #trade(index: number): LoadCommand | null {
    const book = this.#bookOf(index);
    const buy = book.buys[this.#random.below(book.buys.length)];
    const sell = book.sells[this.#random.below(book.sells.length)];
    // A trade of one user with itself would be refused.
    if (buy === undefined || sell === undefined || buy.user === sell.user) return null;
    for (const [orders, order] of [
      [book.buys, buy],
      [book.sells, sell],
    ] as const) {
      order.lotsLeft -= 1;
      if (order.lotsLeft === 0) remove(orders, order);
    }
    return this.#command({
      type: 'ExecuteTrade',
      tradeId: `t${(this.#trades++).toString(36)}`,
      symbol: book.symbol,
      buyOrderId: buy.orderId,
      sellOrderId: sell.orderId,
      price: 100n * UNIT,
      quantity: LOT,
      executedAt: 1_610_064_000_000_000 + this.#trades * 1_000,
    });
  }

  #cancel(index: number): LoadCommand | null {
    const book = this.#bookOf(index);
    const orders = book.buys.length > book.sells.length ? book.buys : book.sells;
    const order = orders[this.#random.below(orders.length)];
    if (order === undefined) return null;
    remove(orders, order);
    return this.#command({ type: 'CancelOrder', orderId: order.orderId, symbol: book.symbol });
  }

  /** One of the users who hold the symbol's base asset. */
  #holder(index: number): number {
    const rank = this.#draw.next();
    const { symbols } = this.#options;
    const first = index % symbols;
    const second = (index + symbols / 2) % symbols;
    return Math.floor(rank / 2) * symbols + (rank % 2 === 0 ? first : second);
  }

  #user(index: number): string {
    return userOf(this.#holder(index));
  }

  #bookOf(index: number): Book {
    const book = this.#books[index];
    if (book === undefined) throw new RangeError(`no symbol has index ${index}`);
    return book;
  }

  /** Ids as UUIDv7 makes them at about 30 a millisecond: the time first, the rest without order. */
  #command(command: TradeCommand): LoadCommand {
    const serial = this.#ids++;
    const ms = (0x019000000000 + Math.floor(serial / 30)).toString(16).padStart(12, '0');
    const draw = () => this.#random.below(0x1000).toString(16).padStart(3, '0');
    const tail = `${draw()}${draw()}${serial.toString(16).padStart(8, '0')}`.slice(-12);
    return { commandId: `${ms.slice(0, 8)}-${ms.slice(8)}-7${draw()}-8${draw()}-${tail}`, command };
  }
}

function holders(options: LoadOptions): number {
  return Math.floor(options.users / options.symbols) * 2;
}

function assetOf(index: number): string {
  return `C${String(index).padStart(2, '0')}`;
}

function userOf(user: number): string {
  return `u${user.toString(36)}`;
}

function remove(orders: OpenOrder[], order: OpenOrder): void {
  const index = orders.indexOf(order);
  const last = orders.pop();
  if (last !== undefined && last !== order) orders[index] = last;
}
