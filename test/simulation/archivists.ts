import { archiveReceipts, askOf } from '@tradestream/recovery';
import { AppError, errorOf, sleep } from '@tradestream/runtime';
import { Actor } from './scheduler.ts';
import type { Wiring } from './wiring.ts';

const AGAIN_MS = 15;
const LOOK_AGAIN_MS = 3;
/** Looks for a moment at which the standbys have everything. */
const LOOKS_MAX = 40;

/** The log loses its oldest commands, and whoever archives moves their receipts: one run, or two at once. */
export class Archivists {
  readonly #wiring: Wiring;
  readonly #fail: (error: Error) => void;
  #archiving = 0;

  constructor(wiring: Wiring, fail: (error: Error) => void) {
    this.#wiring = wiring;
    this.#fail = fail;
  }

  start(): void {
    const { scheduler, profile, log } = this.#wiring;
    for (const { atMs, isTwice } of profile.archive?.runs ?? []) {
      scheduler.after(log.actor, atMs, 'expire commands', () => this.#expire(LOOKS_MAX));
      for (const name of isTwice ? ['archivist', 'another archivist'] : ['archivist']) {
        const actor = new Actor(name);
        this.#archiving += 1;
        scheduler.after(actor, atMs + LOOK_AGAIN_MS, 'archive', () => {
          this.#archive(actor).catch((error: unknown) => this.#fail(errorOf(error)));
        });
      }
    }
  }

  whatIsLeft(): readonly string[] {
    return this.#archiving > 0 ? [`${this.#archiving} archive still`] : [];
  }

  /** Only what every standby has as applied: what the log loses before is lost in truth. */
  #expire(looks: number): void {
    const { scheduler, server, ledger, log, admin, topics } = this.#wiring;
    if (server.commits.standsAlone) {
      if (looks > 0) scheduler.after(log.actor, LOOK_AGAIN_MS, 'expire commands', () => this.#expire(looks - 1));
      return;
    }
    const before = new Map<number, number>();
    for (const { partition, nextOffset } of ledger.partitions.rows.values()) {
      before.set(partition, scheduler.random.between(nextOffset >> 1, nextOffset));
    }
    void admin.deleteRecords(topics.commands, before);
  }

  /** Whatever ends a run, the next goes on from where it was. */
  async #archive(actor: Actor): Promise<void> {
    const { server, log, admin, topics, profile } = this.#wiring;
    for (;;) {
      try {
        const open = server.openerFor(actor);
        const session = await open({
          url: 'postgres://simulation',
          applicationName: 'recovery',
          connectTimeoutMs: 1_000,
        });
        await archiveReceipts({
          ask: askOf(session),
          admin: log.adminFor(actor, admin),
          topic: topics.commands,
          signal: new AbortController().signal,
          batchEvents: profile.archive?.batchEvents ?? 1,
          onMoved: async () => undefined,
        });
        await session.close();
        this.#archiving -= 1;
        return;
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        await sleep(AGAIN_MS);
      }
    }
  }
}
