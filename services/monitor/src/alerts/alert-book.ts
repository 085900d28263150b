import type { AlertAnswer } from '@tradestream/answers';
import type { Logger } from '@tradestream/runtime';
import { type Figure, figure } from '../figures/figure.ts';
import { type Alert, matches } from './alert.ts';
import { AlertEngine } from './alert-engine.ts';
import type { AlertStore, Silence, StoredAlert } from './alert-store.ts';
import type { Rule } from './rule.ts';

/** Takes notifications, each until it was delivered. */
export interface Notified {
  /** The same in the next process: what it was told is known by it. */
  readonly name: string;
  notify(alerts: readonly Alert[]): void;
}

export type AlertBookOptions = {
  readonly rules: readonly Rule[];
  readonly store: Pick<AlertStore, 'save'>;
  readonly receivers: readonly Notified[];
  readonly log: Logger;
  /** As the engine takes it, ms. */
  readonly stepMsMax?: number;
};

/** An alert as it is now, and by name the receivers that are to be told of it, and that were. */
type Marks = {
  readonly alert: Alert;
  readonly due: ReadonlySet<string>;
  readonly toldFiring: ReadonlySet<string>;
  readonly toldResolved: ReadonlySet<string>;
};

const NOBODY: ReadonlySet<string> = new Set();
/** Resolved alerts that are shown. */
const RESOLVED_MAX = 200;

/**
 * What fires and what has fired, who was told of it, and what is silenced. An alert is told once to each
 * receiver when it fires and once when it ends; a silenced one is told when its silence ends and it still
 * fires, and its end only if its firing was.
 */
export class AlertBook {
  readonly #options: AlertBookOptions;
  readonly #marks = new Map<string, Marks>();
  #engine: AlertEngine;
  #resolved: readonly Alert[] = [];
  #silences: readonly Silence[] = [];

  constructor(options: AlertBookOptions) {
    this.#options = options;
    this.#engine = new AlertEngine(options);
  }

  get silences(): readonly Silence[] {
    return this.#silences;
  }

  set silences(silences: readonly Silence[]) {
    this.#silences = silences;
  }

  /** How many alerts of each rule fire. */
  figures(): readonly Figure[] {
    const counts = Map.groupBy(this.#engine.firing, ({ name }) => name);
    return this.#options.rules.flatMap(({ name, severity }) =>
      figure('tradestream_alerts_firing', counts.get(name)?.length ?? 0, { name, severity }),
    );
  }

  /** What fires and the receiver has been, or is being, told. */
  firingFor(receiver: string): readonly Alert[] {
    return this.#engine.firing.filter((alert) => this.#marks.get(keyOf(alert))?.due.has(receiver) === true);
  }

  /** Firing first, then what was resolved last. */
  answer(): readonly (Alert & { readonly silenced: boolean })[] {
    const nowMs = Date.now();
    const shown = (alert: Alert) => ({ ...alert, silenced: this.#isSilenced(alert, nowMs) });
    return [...this.#engine.firing.map(shown), ...this.#resolved.map(shown)];
  }

  /** Goes on where the last process was. Each receiver is told what was due to it and it did not take. */
  restore(stored: readonly StoredAlert[]): void {
    const alerts = stored.map(({ alert }) => alert);
    const firing = alerts.filter(({ endsAt }) => endsAt === null);
    this.#engine = new AlertEngine({ ...this.#options, firing });
    this.#resolved = alerts.filter(({ endsAt }) => endsAt !== null);
    for (const { alert, due, toldFiring, toldResolved } of stored) {
      this.#marks.set(keyOf(alert), {
        alert,
        due: new Set(due),
        toldFiring: new Set(toldFiring),
        toldResolved: new Set(toldResolved),
      });
    }
    for (const receiver of this.#options.receivers) {
      const owed = stored.filter(({ due }) => due.includes(receiver.name));
      const firing = owed
        .filter(({ toldFiring }) => !toldFiring.includes(receiver.name))
        .map(({ alert }): Alert => ({ ...alert, state: 'firing', endsAt: null }));
      const resolved = owed
        .filter(({ alert, toldResolved }) => alert.endsAt !== null && !toldResolved.includes(receiver.name))
        .map(({ alert }) => alert);
      for (const told of [firing, resolved]) notify(receiver, told);
    }
  }

  /** Returns whether anything fired or was resolved. */
  evaluate(figures: readonly Figure[], nowMs: number): boolean {
    const { receivers, log } = this.#options;
    const { fired, resolved } = this.#engine.evaluate(figures, nowMs);
    for (const alert of fired) {
      log.warn({ alert: alert.name, labels: alert.labels, summary: alert.summary }, 'alert_firing');
      this.#mark(alert, {});
    }
    for (const alert of resolved) {
      log.info({ alert: alert.name, labels: alert.labels }, 'alert_resolved');
      this.#mark(alert, {});
    }
    this.#keep(resolved);
    const open = this.#engine.firing.filter((alert) => !this.#isSilenced(alert, nowMs));
    for (const receiver of receivers) {
      const isDue = (alert: Alert) => this.#marks.get(keyOf(alert))?.due.has(receiver.name) === true;
      const news = open.filter((alert) => !isDue(alert));
      const ended = resolved.filter(isDue);
      for (const alert of news) this.#mark(alert, { due: receiver.name });
      for (const told of [news, ended]) notify(receiver, told);
    }
    return fired.length + resolved.length > 0;
  }

  /** A receiver took them. */
  delivered(receiver: string, alerts: readonly Alert[]): void {
    for (const alert of alerts) {
      const marks = this.#marks.get(keyOf(alert));
      const mark = alert.state === 'firing' ? 'toldFiring' : 'toldResolved';
      // Alertmanager is told again and again: that is no news.
      if (marks === undefined || marks[mark].has(receiver)) continue;
      this.#mark(marks.alert, { [mark]: receiver });
    }
  }

  /** Keeps the alert as it is now, with one receiver more where one is given, here and in the database. */
  #mark(alert: Alert, more: Readonly<Partial<Record<'due' | 'toldFiring' | 'toldResolved', string>>>): void {
    const key = keyOf(alert);
    const before = this.#marks.get(key) ?? { due: NOBODY, toldFiring: NOBODY, toldResolved: NOBODY };
    const marks: Marks = {
      alert,
      due: withOne(before.due, more.due),
      toldFiring: withOne(before.toldFiring, more.toldFiring),
      toldResolved: withOne(before.toldResolved, more.toldResolved),
    };
    this.#marks.set(key, marks);
    this.#options.store.save({
      alert,
      due: [...marks.due],
      toldFiring: [...marks.toldFiring],
      toldResolved: [...marks.toldResolved],
    });
  }

  #keep(resolved: readonly Alert[]): void {
    const all = [...resolved, ...this.#resolved];
    this.#resolved = all.slice(0, RESOLVED_MAX);
    for (const alert of all.slice(RESOLVED_MAX)) this.#marks.delete(keyOf(alert));
  }

  #isSilenced(alert: AlertAnswer, nowMs: number): boolean {
    return this.#silences.some(({ matchers, until }) => Date.parse(until) > nowMs && matches(alert, matchers));
  }
}

/** One notification for the alerts of one name, so that ten replicas down are one message. */
function notify(receiver: Notified, alerts: readonly Alert[]): void {
  for (const group of Map.groupBy(alerts, ({ name }) => name).values()) receiver.notify(group);
}

/** Of one firing: the same series may fire again later. */
function keyOf({ fingerprint, startsAt }: Alert): string {
  return `${fingerprint}/${startsAt}`;
}

function withOne(names: ReadonlySet<string>, name: string | undefined): ReadonlySet<string> {
  return name === undefined || names.has(name) ? names : new Set([...names, name]);
}
