import type {
  BalancesAnswer,
  CandleAnswer,
  FillAnswer,
  ListAnswer,
  OrderAnswer,
  ReceiptAnswer,
  TradeAnswer,
} from '@tradestream/answers';
import { decodeToken, encodeToken, mergeTokens } from '@tradestream/contracts';
import { ClientError } from '../errors.ts';
import { type GatewayAddress, type GatewayAnswer, requestGateway } from './gateway-request.ts';

/** Which node may answer: a replica unless it must be the primary; `nearest` takes whichever is healthy. */
export type ReadPreference = 'primary' | 'secondary' | 'nearest';

export type ReadOptions = {
  readonly preference?: ReadPreference;
  /** Longest wait for a node that shows what this session has seen, milliseconds. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
};

export type Page = { readonly limit?: number; readonly cursor?: string };
export type TradeFilter = Page & {
  readonly symbol?: string;
  readonly userId?: string;
  readonly orderId?: string;
  /** ISO 8601 with Z or an offset, inclusive. */
  readonly from?: string;
  /** ISO 8601 with Z or an offset, exclusive. */
  readonly to?: string;
};
export type OrderFilter = TradeFilter & { readonly status?: OrderAnswer['status'] };
export type CandleFilter = Page & { readonly symbol: string; readonly from?: string; readonly to?: string };

/** Time on top of what the gateway was asked to wait, for the way there and back. */
const TRAVEL_MS = 5_000;
const READ_TIMEOUT_MS = 2_000;
/** The gateway holds a request for a receipt no longer than this. */
const RECEIPT_WAIT_MAX_MS = 60_000;

/**
 * Reads that never go back in time: each answer's token is merged and sent with the next request,
 * so a session sees its own writes, once it has their receipts, and never less than it saw before.
 * Calls may overlap. Hand `token` to another session to let it see as much.
 */
export class Session {
  readonly #gateway: GatewayAddress;
  #token: string | null;
  #servedBy: string | null = null;

  constructor(gateway: GatewayAddress, token: string | null = null) {
    this.#gateway = gateway;
    this.#token = token;
  }

  /** What this session has seen, opaque; null before the first answer. */
  get token(): string | null {
    return this.#token;
  }

  /** Name of the node that gave the last answer. */
  get servedBy(): string | null {
    return this.#servedBy;
  }

  /**
   * The receipt, waited for up to `waitMs`; null when there is none by then.
   * @throws {ClientError} CLIENT_UNREACHABLE, CLIENT_UNAVAILABLE, CLIENT_REFUSED
   */
  async receipt(
    commandId: string,
    options: { readonly waitMs?: number; readonly signal?: AbortSignal } = {},
  ): Promise<ReceiptAnswer | null> {
    const { waitMs = 0, signal } = options;
    const untilMs = performance.now() + waitMs;
    for (;;) {
      const leftMs = Math.max(0, Math.min(RECEIPT_WAIT_MAX_MS, Math.round(untilMs - performance.now())));
      const answer = await requestGateway(this.#gateway, {
        path: `/v1/receipts/${encodeURIComponent(commandId)}`,
        query: { waitMs: leftMs },
        timeoutMs: leftMs + TRAVEL_MS,
        signal,
      });
      if (answer.status !== 404) return this.#seen<ReceiptAnswer>(answer);
      if (performance.now() >= untilMs) return null;
    }
  }

  /** Newest first. @throws {ClientError} CLIENT_UNREACHABLE, CLIENT_UNAVAILABLE, CLIENT_NOT_YET_VISIBLE, CLIENT_REFUSED */
  async trades(filter: TradeFilter = {}, options: ReadOptions = {}): Promise<ListAnswer<TradeAnswer>> {
    return await this.#list<TradeAnswer>('/v1/trades', filter, options);
  }

  /** Newest first. @throws {ClientError} CLIENT_UNREACHABLE, CLIENT_UNAVAILABLE, CLIENT_NOT_YET_VISIBLE, CLIENT_REFUSED */
  async fills(filter: TradeFilter = {}, options: ReadOptions = {}): Promise<ListAnswer<FillAnswer>> {
    return await this.#list<FillAnswer>('/v1/fills', filter, options);
  }

  /** Newest first. @throws {ClientError} CLIENT_UNREACHABLE, CLIENT_UNAVAILABLE, CLIENT_NOT_YET_VISIBLE, CLIENT_REFUSED */
  async orders(filter: OrderFilter = {}, options: ReadOptions = {}): Promise<ListAnswer<OrderAnswer>> {
    return await this.#list<OrderAnswer>('/v1/orders', filter, options);
  }

  /** Oldest first. @throws {ClientError} CLIENT_UNREACHABLE, CLIENT_UNAVAILABLE, CLIENT_NOT_YET_VISIBLE, CLIENT_REFUSED */
  async candles(filter: CandleFilter, options: ReadOptions = {}): Promise<ListAnswer<CandleAnswer>> {
    return await this.#list<CandleAnswer>('/v1/candles', filter, options);
  }

  /** Null for an unknown id. @throws {ClientError} CLIENT_UNREACHABLE, CLIENT_UNAVAILABLE, CLIENT_NOT_YET_VISIBLE, CLIENT_REFUSED */
  async order(orderId: string, options: ReadOptions = {}): Promise<OrderAnswer | null> {
    const answer = await this.#read(`/v1/orders/${encodeURIComponent(orderId)}`, {}, options);
    return answer.status === 404 ? null : this.#seen<OrderAnswer>(answer);
  }

  /** An unknown user has no balances. @throws {ClientError} CLIENT_UNREACHABLE, CLIENT_UNAVAILABLE, CLIENT_NOT_YET_VISIBLE, CLIENT_REFUSED */
  async balances(userId: string, options: ReadOptions = {}): Promise<BalancesAnswer> {
    return this.#seen<BalancesAnswer>(await this.#read(`/v1/balances/${encodeURIComponent(userId)}`, {}, options));
  }

  async #list<Item>(
    path: string,
    filter: Readonly<Record<string, string | number | undefined>>,
    options: ReadOptions,
  ): Promise<ListAnswer<Item>> {
    return this.#seen<ListAnswer<Item>>(await this.#read(path, filter, options));
  }

  async #read(
    path: string,
    query: Readonly<Record<string, string | number | undefined>>,
    options: ReadOptions,
  ): Promise<GatewayAnswer> {
    const { preference, timeoutMs = READ_TIMEOUT_MS, signal } = options;
    return await requestGateway(this.#gateway, {
      path,
      query: { ...query, timeoutMs },
      headers: {
        ...(this.#token === null ? {} : { 'x-consistency-token': this.#token }),
        ...(preference === undefined ? {} : { 'x-read-preference': preference }),
      },
      timeoutMs: timeoutMs + TRAVEL_MS,
      signal,
    });
  }

  #seen<Body>(answer: GatewayAnswer): Body {
    if (answer.status !== 200) throw new ClientError('CLIENT_UNEXPECTED', { context: { status: answer.status } });
    this.#servedBy = answer.headers.get('x-served-by');
    this.#remember(answer.headers.get('x-consistency-token'));
    return answer.body as Body; // the gateway's answers have the shapes of the contract
  }

  #remember(text: string | null): void {
    if (text === null) return;
    const seen = decodeToken(text);
    const known = this.#token === null ? null : decodeToken(this.#token);
    if (seen !== null) this.#token = known === null ? text : encodeToken(mergeTokens(known, seen));
  }
}

/** A session of its own, from what another one has seen when its token is given. */
export function openSession(gateway: GatewayAddress, token?: string): Session {
  return new Session(gateway, token ?? null);
}
