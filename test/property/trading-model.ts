/**
 * A second account of the rules of the domain, to hold the product against. It shares no code and no
 * shape of state with it: it keeps only what each user owns in all and the orders as they were asked
 * for; what is held is worked out from the open orders each time, in the words of the page.
 */
export type ModelOrder = {
  readonly id: string;
  readonly owner: string;
  readonly symbol: string;
  readonly buys: boolean;
  limit: bigint;
  wanted: bigint;
  done: bigint;
  gone: boolean;
};

/** A command as plain fields; amounts count 10^-18. */
export type ModelCommand = Readonly<Record<string, unknown>> & { readonly type: string };

type Rule = readonly [reason: string, applies: () => boolean];

const PLACES = 18;
const ONE = BigInt(`1${'0'.repeat(PLACES)}`);
const TOO_MUCH = BigInt(`1${'0'.repeat(20 + PLACES)}`);

export class TradingModel {
  readonly orders = new Map<string, ModelOrder>();
  readonly #owned = new Map<string, bigint>();
  readonly #paidIn = new Map<string, bigint>();
  readonly #executed: string[] = [];

  /** `applied`, or the first reason of the table that applies. */
  run(command: ModelCommand): string {
    const { rules, effect } = this.#row(command);
    for (const [reason, applies] of rules) if (applies()) return reason;
    effect();
    return 'applied';
  }

  owned(user: string, asset: string): bigint {
    return this.#owned.get(`${user}|${asset}`) ?? 0n;
  }

  held(user: string, asset: string): bigint {
    let sum = 0n;
    for (const order of this.orders.values()) {
      if (order.owner === user && payAsset(order) === asset) sum += holdOf(order);
    }
    return sum;
  }

  free(user: string, asset: string): bigint {
    return this.owned(user, asset) - this.held(user, asset);
  }

  /** Deposits less withdrawals of all users. */
  paidIn(asset: string): bigint {
    return this.#paidIn.get(asset) ?? 0n;
  }

  #row(command: ModelCommand): { readonly rules: readonly Rule[]; readonly effect: () => void } {
    const name = (field: string) => String(command[field]);
    const count = (field: string) => BigInt(String(command[field]));
    const asked = (field: string) => (command[field] === null ? undefined : count(field));
    switch (command.type) {
      case 'DepositFunds':
        return this.#deposit(name('userId'), name('asset'), count('amount'));
      case 'WithdrawFunds':
        return this.#withdraw(name('userId'), name('asset'), count('amount'));
      case 'PlaceOrder':
        return this.#place({
          id: name('orderId'),
          owner: name('userId'),
          symbol: name('symbol'),
          buys: name('side') === 'buy',
          limit: count('price'),
          wanted: count('quantity'),
          done: 0n,
          gone: false,
        });
      case 'AmendOrder':
        return this.#amend(name('orderId'), name('symbol'), { limit: asked('price'), wanted: asked('quantity') });
      case 'CancelOrder':
        return this.#cancel(name('orderId'), name('symbol'));
      case 'ExecuteTrade':
        return this.#trade(
          { symbol: name('symbol'), trade: name('tradeId'), buyer: name('buyOrderId'), seller: name('sellOrderId') },
          { price: count('price'), quantity: count('quantity') },
        );
      default:
        throw new TypeError(`the domain has no ${command.type}`);
    }
  }

  #deposit(user: string, asset: string, sum: bigint) {
    return {
      rules: [
        ['INVALID_AMOUNT', () => sum < 1n],
        ['BALANCE_LIMIT', () => !(this.owned(user, asset) + sum < TOO_MUCH)],
      ] satisfies Rule[],
      effect: () => {
        this.#give(user, asset, sum);
        this.#paidIn.set(asset, this.paidIn(asset) + sum);
      },
    };
  }

  #withdraw(user: string, asset: string, sum: bigint) {
    return {
      rules: [
        ['INVALID_AMOUNT', () => sum < 1n],
        ['INSUFFICIENT_FUNDS', () => this.free(user, asset) < sum],
      ] satisfies Rule[],
      effect: () => {
        this.#give(user, asset, -sum);
        this.#paidIn.set(asset, this.paidIn(asset) - sum);
      },
    };
  }

  #place(order: ModelOrder) {
    return {
      rules: [
        ['INVALID_SYMBOL', () => !isSymbol(order.symbol)],
        ['INVALID_AMOUNT', () => order.limit < 1n || order.wanted < 1n],
        ['DUPLICATE_ORDER', () => this.orders.has(order.id)],
        ['INSUFFICIENT_FUNDS', () => this.free(order.owner, payAsset(order)) < holdOf(order)],
      ] satisfies Rule[],
      effect: () => {
        this.orders.set(order.id, order);
      },
    };
  }

  #amend(
    id: string,
    symbol: string,
    asked: { readonly limit: bigint | undefined; readonly wanted: bigint | undefined },
  ) {
    const order = this.orders.get(id);
    const { limit = order?.limit ?? 0n, wanted = order?.wanted ?? 0n } = asked;
    return {
      rules: [
        ['INVALID_AMOUNT', () => [asked.limit, asked.wanted].some((value) => value !== undefined && value < 1n)],
        ['UNKNOWN_ORDER', () => order === undefined],
        ['SYMBOL_MISMATCH', () => order?.symbol !== symbol],
        ['ORDER_NOT_OPEN', () => !isOpen(order)],
        ['NOTHING_TO_CHANGE', () => limit === order?.limit && wanted === order.wanted],
        ['QUANTITY_BELOW_FILLED', () => wanted <= (order?.done ?? 0n)],
        [
          'INSUFFICIENT_FUNDS',
          () => {
            if (order === undefined) return true;
            const needed = holdOf({ ...order, limit, wanted }) - holdOf(order);
            return needed > this.free(order.owner, payAsset(order));
          },
        ],
      ] satisfies Rule[],
      effect: () => {
        if (order !== undefined) Object.assign(order, { limit, wanted });
      },
    };
  }

  #cancel(id: string, symbol: string) {
    const order = this.orders.get(id);
    return {
      rules: [
        ['UNKNOWN_ORDER', () => order === undefined],
        ['SYMBOL_MISMATCH', () => order?.symbol !== symbol],
        ['ORDER_NOT_OPEN', () => !isOpen(order)],
      ] satisfies Rule[],
      effect: () => {
        if (order !== undefined) order.gone = true;
      },
    };
  }

  #trade(
    names: { readonly symbol: string; readonly trade: string; readonly buyer: string; readonly seller: string },
    deal: { readonly price: bigint; readonly quantity: bigint },
  ) {
    const { symbol, trade, buyer, seller } = names;
    const { price, quantity } = deal;
    const [base = '', quote = ''] = symbol.split('-');
    const sides = [this.orders.get(buyer), this.orders.get(seller)] as const;
    const [buy, sell] = sides;
    const cost = roundDown(price * quantity);
    const any = (test: (order: ModelOrder) => boolean) => sides.some((order) => order !== undefined && test(order));
    return {
      rules: [
        ['INVALID_SYMBOL', () => !isSymbol(symbol)],
        ['INVALID_AMOUNT', () => price < 1n || quantity < 1n],
        ['DUPLICATE_TRADE', () => this.#executed.includes(`${symbol} ${trade}`)],
        ['UNKNOWN_ORDER', () => sides.includes(undefined)],
        ['SYMBOL_MISMATCH', () => any((order) => order.symbol !== symbol)],
        ['SIDE_MISMATCH', () => buy?.buys !== true || sell?.buys !== false],
        ['SELF_TRADE', () => buy?.owner === sell?.owner],
        ['ORDER_NOT_OPEN', () => any((order) => !isOpen(order))],
        ['PRICE_OUTSIDE_LIMIT', () => any((order) => (order.buys ? price > order.limit : price < order.limit))],
        ['QUANTITY_EXCEEDS_REMAINING', () => any((order) => order.done + quantity > order.wanted)],
        [
          'BALANCE_LIMIT',
          () =>
            this.owned(buy?.owner ?? '', base) + quantity >= TOO_MUCH ||
            this.owned(sell?.owner ?? '', quote) + cost >= TOO_MUCH,
        ],
      ] satisfies Rule[],
      effect: () => {
        for (const order of sides) {
          if (order === undefined) continue;
          order.done += quantity;
          this.#give(order.owner, base, order.buys ? quantity : -quantity);
          this.#give(order.owner, quote, order.buys ? -cost : cost);
        }
        this.#executed.push(`${symbol} ${trade}`);
      },
    };
  }

  #give(user: string, asset: string, sum: bigint): void {
    this.#owned.set(`${user}|${asset}`, this.owned(user, asset) + sum);
  }
}

/** `open`, `partially_filled`, `filled` or `cancelled`, from what was asked and what was done. */
export function statusOf(order: ModelOrder): string {
  if (order.gone) return 'cancelled';
  if (order.done === order.wanted) return 'filled';
  return order.done === 0n ? 'open' : 'partially_filled';
}

/** What an order holds now. */
export function holdOf(order: ModelOrder): bigint {
  if (order.gone) return 0n;
  const rest = order.wanted - order.done;
  return order.buys ? roundUp(order.limit * rest) : rest;
}

function isOpen(order: ModelOrder | undefined): boolean {
  return order !== undefined && !order.gone && order.done < order.wanted;
}

function payAsset(order: ModelOrder): string {
  return order.symbol.split('-')[order.buys ? 1 : 0] ?? '';
}

function isSymbol(symbol: string): boolean {
  const assets = symbol.split('-');
  return assets.length === 2 && new Set(assets).size === 2 && assets.every((asset) => /^[A-Z0-9]{2,12}$/.test(asset));
}

/** A count of 10^-36 as one of 10^-18: the digits beyond are cut off. */
function roundDown(product: bigint): bigint {
  const digits = product.toString();
  return product <= 0n || digits.length <= PLACES ? 0n : BigInt(digits.slice(0, -PLACES));
}

function roundUp(product: bigint): bigint {
  const down = roundDown(product);
  return down * ONE < product ? down + 1n : down;
}
