import { decodeEvent } from '@tradestream/contracts';
import { DatabaseError, type Rows } from '@tradestream/database';
import { askOf } from '@tradestream/recovery';
import { AppError, errorOf, HttpProblem, sleep } from '@tradestream/runtime';
import type { Balance } from '@tradestream/trading';
import type { Reads } from '../../services/gateway/src/reads/open-reads.ts';
import { queryView } from '../../services/gateway/src/reads/query-view.ts';
import { ReceiptStore, type StoredReceipt } from '../../services/gateway/src/receipts/receipt-store.ts';
import { type EventRow, pair } from './database/ledger-tables.ts';
import { isDecided } from './evidence.ts';
import { Actor } from './scheduler.ts';
import { log } from './shared.ts';
import type { Wiring } from './wiring.ts';

const LOOK_AGAIN_MS = 2;
const FRESH_WITHIN_MS = 200;

/**
 * Those who have the receipt of a command, and read what it has changed with the token that came with
 * it, by the gateway's own code: what they are shown is never older.
 */
export class Readers {
  readonly #wiring: Wiring;
  readonly #fail: (failure: string) => void;

  constructor(wiring: Wiring, fail: (failure: string) => void) {
    this.#wiring = wiring;
    this.#fail = fail;
  }

  start(): void {
    const { scheduler, profile } = this.#wiring;
    for (const atMs of profile.readsAtMs) {
      const actor = new Actor('reader');
      scheduler.after(actor, atMs, 'read', () => {
        this.#read(actor).catch((error: unknown) => {
          // It may be cut off, or be told that nothing fresh is there: then it was shown nothing.
          if (!(error instanceof AppError || error instanceof HttpProblem))
            this.#fail(`a reader fails: ${errorOf(error).stack}`);
        });
      });
    }
  }

  async #read(actor: Actor): Promise<void> {
    const { server, topics } = this.#wiring;
    const id = this.#newestId();
    if (id === null) return;
    const open = server.openerFor(actor);
    const session = await open({ url: 'postgres://simulation', applicationName: 'gateway', connectTimeoutMs: 1_000 });
    const receipt = await new ReceiptStore(askOf(session), topics.commands).loadReceipt(id);
    await session.close();
    if (receipt !== null) await this.#compare(actor, receipt);
  }

  /** What was decided last is what views lack the longest. */
  #newestId(): string | null {
    const decided = [...this.#wiring.ledger.receipts.rows.values()].filter(isDecided);
    return decided.toSorted((a, b) => b.batch - a.batch || b.index - a.index)[0]?.commandId ?? null;
  }

  async #compare(actor: Actor, receipt: StoredReceipt): Promise<void> {
    const event = this.#eventOf(receipt);
    if (event === null || event.commandId !== receipt.commandId) return;
    const changed = decodeEvent(event.payload).event;
    if (changed.type === 'CommandRejected') return;
    for (const balance of changed.balances) {
      const shown = await this.#shownVersion(actor, receipt, balance);
      // Unless a standby took over that has another history.
      if (this.#eventOf(receipt) === event && shown < balance.version) {
        this.#fail(
          `${balance.userId} is shown version ${shown} of ${balance.asset} behind the receipt of ${balance.version}`,
        );
      }
    }
  }

  async #shownVersion(actor: Actor, { token }: StoredReceipt, { userId, asset }: Balance): Promise<number> {
    const statement = { text: 'a balance', values: [userId, asset] };
    const limits = {
      preference: 'secondary',
      timeoutMs: FRESH_WITHIN_MS,
      signal: new AbortController().signal,
    } as const;
    const reads = { snapshot: this.#snapshotFor(actor) };
    const { rows } = await queryView(
      { reads: () => reads, log },
      { projection: 'balances', statement },
      { ...limits, token },
    );
    return Number(rows[0]?.['version'] ?? 0);
  }

  #eventOf({ events }: StoredReceipt): EventRow | null {
    const [place] = events;
    return place === undefined ? null : (this.#wiring.ledger.events.rows.get(pair(place.partition, place.seq)) ?? null);
  }

  /** One node: it shows the views as they are at a moment, and is asked again until it is fresh. */
  #snapshotFor(actor: Actor): Reads['snapshot'] {
    return async (statements, options) => {
      const { isFresh, timeoutMs = 0 } = options ?? {};
      const untilMs = this.#wiring.scheduler.nowMs + timeoutMs;
      const [userId, asset] = statements.at(-1)?.values ?? [];
      for (;;) {
        const results = await this.#look(actor, pair(String(userId), String(asset)));
        if (isFresh?.(results) !== false) return { results, servedBy: 'primary' };
        if (this.#wiring.scheduler.nowMs > untilMs) throw new DatabaseError('DB_NOT_FRESH');
        await sleep(LOOK_AGAIN_MS);
      }
    };
  }

  async #look(actor: Actor, key: string): Promise<readonly Rows<object>[]> {
    const { scheduler, server, views } = this.#wiring;
    return await new Promise((resolve) => {
      scheduler.after(server.actor, server.hop(), 'look', () => {
        const positions = [...views.positions.rows.values()].filter(({ projection }) => projection === 'balances');
        const reached = positions.map(({ partition, seq }) => ({ partition, seq: String(seq) }));
        const balance = views.balances.rows.get(key);
        const results = [[], reached, balance === undefined ? [] : [{ version: String(balance.version) }]].map(
          (rows: readonly object[]) => ({ rows: [...rows], rowCount: rows.length, command: 'SELECT' }),
        );
        scheduler.after(actor, server.hop(), 'looked', () => resolve(results));
      });
    });
  }
}
