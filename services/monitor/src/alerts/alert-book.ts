import type { AlertAnswer } from '@tradestream/contracts';
import type { Logger } from '@tradestream/runtime';
import type { Receiver } from '../delivery/receiver.ts';
import type { Figure } from '../figures/figure.ts';
import { type Alert, matches } from './alert.ts';
import { AlertEngine } from './alert-engine.ts';
import type { AlertStore, Silence, StoredAlert } from './alert-store.ts';
import type { Rule } from './rule.ts';

export type AlertBookOptions = {
  readonly rules: readonly Rule[];
  readonly store: AlertStore;
  readonly receivers: readonly Receiver[];
  readonly log: Logger;
};

/** Resolved alerts that are shown. */
const RESOLVED_MAX = 200;

/**
 * What fires and what has fired, who was told of it, and what is silenced. An alert is told once when
 * it fires and once when it ends; a silenced one is told when its silence ends and it still fires, and
 * its end only if its firing was.
 */
export class AlertBook {
  readonly #options: AlertBookOptions;
  #engine: AlertEngine;
  #told = new Set<string>();
  #resolved: readonly Alert[] = [];
  #silences: readonly Silence[] = [];

  constructor(options: AlertBookOptions) {
    this.#options = options;
    this.#engine = new AlertEngine(options.rules);
  }

  get silences(): readonly Silence[] {
    return this.#silences;
  }

  set silences(silences: readonly Silence[]) {
    this.#silences = silences;
  }

  /** What fires and was told. */
  get told(): readonly Alert[] {
    return this.#engine.firing.filter(({ fingerprint }) => this.#told.has(fingerprint));
  }

  /** Firing first, then what was resolved last. */
  answer(): readonly (Alert & { readonly silenced: boolean })[] {
    const nowMs = Date.now();
    const shown = (alert: Alert) => ({ ...alert, silenced: this.#isSilenced(alert, nowMs) });
    return [...this.#engine.firing.map(shown), ...this.#resolved.map(shown)];
  }

  /** Goes on where the last process was. What had fired and was not told is told now. */
  restore(stored: readonly StoredAlert[]): void {
    const firing = stored.filter(({ alert }) => alert.endsAt === null);
    this.#engine = new AlertEngine(
      this.#options.rules,
      firing.map(({ alert }) => alert),
    );
    this.#told = new Set(firing.filter(({ toldFiring }) => toldFiring).map(({ alert }) => alert.fingerprint));
    this.#resolved = stored.filter(({ alert }) => alert.endsAt !== null).map(({ alert }) => alert);
    const untold = stored.filter(
      ({ alert, toldFiring, toldResolved }) => alert.endsAt !== null && toldFiring && !toldResolved,
    );
    this.#send(untold.map(({ alert }) => alert));
  }

  /** Returns whether anything fired or was resolved. */
  evaluate(figures: readonly Figure[], nowMs: number): boolean {
    const { fired, resolved } = this.#engine.evaluate(figures, nowMs);
    for (const alert of fired) {
      this.#options.log.warn({ alert: alert.name, labels: alert.labels, summary: alert.summary }, 'alert_firing');
      this.#options.store.save({ alert, toldFiring: false, toldResolved: false });
    }
    for (const alert of resolved) {
      this.#options.log.info({ alert: alert.name, labels: alert.labels }, 'alert_resolved');
      this.#options.store.save({ alert, toldFiring: this.#told.has(alert.fingerprint), toldResolved: false });
    }
    this.#resolved = [...resolved, ...this.#resolved].slice(0, RESOLVED_MAX);
    const news = this.#engine.firing.filter(
      (alert) => !this.#told.has(alert.fingerprint) && !this.#isSilenced(alert, nowMs),
    );
    const ended = resolved.filter(({ fingerprint }) => this.#told.has(fingerprint));
    for (const { fingerprint } of news) this.#told.add(fingerprint);
    for (const { fingerprint } of ended) this.#told.delete(fingerprint);
    this.#send([...news, ...ended]);
    return fired.length + resolved.length > 0;
  }

  /** A receiver took them. With several receivers the first that did counts: each goes on by itself. */
  delivered(alerts: readonly Alert[]): void {
    for (const alert of alerts)
      this.#options.store.save({ alert, toldFiring: true, toldResolved: alert.state === 'resolved' });
  }

  /** One notification for the alerts of one name, so that ten replicas down are one message. */
  #send(alerts: readonly Alert[]): void {
    for (const group of Map.groupBy(alerts, ({ name }) => name).values())
      for (const receiver of this.#options.receivers) receiver.notify(group);
  }

  #isSilenced(alert: AlertAnswer, nowMs: number): boolean {
    return this.#silences.some(({ matchers, until }) => Date.parse(until) > nowMs && matches(alert, matchers));
  }
}
