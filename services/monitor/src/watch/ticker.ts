import { type Closeable, errorOf, type Logger } from '@tradestream/runtime';
import type { AlertBook } from '../alerts/alert-book.ts';
import type { AlertStore } from '../alerts/alert-store.ts';
import type { Receivers } from '../delivery/open-receivers.ts';
import type { Figure } from '../figures/figure.ts';
import type { FigureGauges } from '../figures/figure-gauges.ts';
import type { History } from '../history/history.ts';
import type { EventStream } from '../stream/event-stream.ts';
import { presentOf } from '../stream/present.ts';
import type { Watch } from './watch.ts';

export type TickerOptions = {
  readonly watch: Watch;
  readonly gauges: FigureGauges;
  readonly history: History;
  readonly alerts: AlertBook;
  readonly store: AlertStore;
  readonly receivers: Receivers;
  readonly stream: EventStream;
  readonly intervalMs: number;
  readonly log: Logger;
};

const REMIND_MS = 60_000;
const SILENCES_MS = 10_000;

/** Rules are judged so many times an interval: a fault does not wait for the figures that are shown. */
const JUDGED_TIMES = 4;
const JUDGED_MS_MIN = 250;

/** Between two judgements, ms. */
export function judgedEveryMs(intervalMs: number): number {
  return Math.max(JUDGED_MS_MIN, intervalMs / JUDGED_TIMES);
}

/**
 * What is known becomes figures, and these go to the rules, and at every interval to `/metrics`, history and
 * pages. Alerts are judged only once the last process's were read, so that none is told twice.
 */
export class Ticker implements Closeable {
  readonly #options: TickerOptions;
  readonly #timer: NodeJS.Timeout;
  #shownMs = -Infinity;
  #isRestored = false;
  #restoring: Promise<void> | null = null;
  #remindedMs = 0;
  #silencesMs = -Infinity;

  constructor(options: TickerOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#tick(), judgedEveryMs(options.intervalMs));
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#restoring;
    await this.#options.store.flush();
  }

  #tick(): void {
    const { watch, alerts, store, intervalMs } = this.#options;
    const figures = watch.figures();
    let isNews = false;
    if (!this.#isRestored) this.#restore();
    // A first reading of everything has to be in: what is not there yet is not absent.
    if (this.#isRestored && watch.isComplete) {
      isNews = alerts.evaluate(figures, Date.now());
      this.#remind();
      void store.flush();
    }
    this.#readSilences();
    // A little less than an interval, since timers are late.
    const isDue = performance.now() - this.#shownMs > intervalMs - judgedEveryMs(intervalMs) / 2;
    if (!isDue && !isNews) return;
    this.#shownMs = performance.now();
    this.#show([...figures, ...alerts.figures()]);
  }

  #show(figures: readonly Figure[]): void {
    const { watch, gauges, history, alerts, stream } = this.#options;
    gauges.show(figures);
    history.take(figures, Date.now());
    if (stream.hasListeners) stream.send(presentOf(watch, alerts));
  }

  #restore(): void {
    const { store, alerts, log } = this.#options;
    this.#restoring ??= store
      .load()
      .then((stored) => {
        alerts.restore(stored);
        this.#isRestored = true;
      })
      .catch((error: unknown) => {
        // An alert does not wait for the database: without it, what fires is told, perhaps again.
        log.debug({ error: errorOf(error) }, 'alerts_not_restored');
        this.#isRestored = performance.now() > RESTORE_MS;
      })
      .finally(() => {
        this.#restoring = null;
      });
  }

  #remind(): void {
    const { alertmanager } = this.#options.receivers;
    if (alertmanager === null || performance.now() - this.#remindedMs < REMIND_MS) return;
    this.#remindedMs = performance.now();
    const firing = this.#options.alerts.firingFor(alertmanager.name);
    // While it is away, what waits for it says the same already.
    if (firing.length > 0 && alertmanager.isIdle) alertmanager.notify(firing);
  }

  #readSilences(): void {
    const { store, alerts, log } = this.#options;
    if (performance.now() - this.#silencesMs < SILENCES_MS) return;
    this.#silencesMs = performance.now();
    store
      .silences()
      .then((silences) => {
        alerts.silences = silences;
      })
      .catch((error: unknown) => log.debug({ error: errorOf(error) }, 'silences_not_read'));
  }
}

/** So long after its start the monitor tells of alerts without knowing what the process before it told, ms. */
const RESTORE_MS = 10_000;
