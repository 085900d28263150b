import { createHash } from 'node:crypto';
import type { Figure } from '../figures/figure.ts';
import { keyOf } from '../figures/figure-gauges.ts';
import type { Alert } from './alert.ts';
import { isBreached, type Rule } from './rule.ts';

/**
 *   none -> pending      the condition holds
 *   pending -> none      it ended before its time
 *   pending -> firing    it held for `forSeconds`
 *   firing -> ending     it ended, on the far side of `clear`
 *   ending -> firing     it came back
 *   ending -> none       it was gone for `keepSeconds`: resolved
 */
type State = {
  readonly pendingSinceMs: number | null;
  readonly endingSinceMs: number | null;
  readonly unseenSinceMs: number | null;
  readonly alert: Alert | null;
};

const NONE: State = { pendingSinceMs: null, endingSinceMs: null, unseenSinceMs: null, alert: null };
/** A series that is gone says nothing; after so long its alert ends all the same, ms. */
const UNSEEN_MS = 60_000;

/** Alerts that changed at one evaluation. */
export type Transitions = { readonly fired: readonly Alert[]; readonly resolved: readonly Alert[] };

/** What an alert was the cause of has so long to get well after it, ms: readers reconnect, and verdicts look back. */
const SETTLE_MS = 10_000;

export type AlertEngineOptions = {
  readonly rules: readonly Rule[];
  /** Goes on with these. */
  readonly firing?: readonly Alert[];
  /** What goes beyond it between two evaluations counts for no condition, ms: nobody has read anything meanwhile. */
  readonly stepMsMax?: number;
};

type Judged = { readonly labels: Readonly<Record<string, string>>; readonly value: number | null };
type Seen = { readonly rule: Rule; readonly judged: Judged };
/** What names a fault, for those that only repeat it. */
type Cause = { readonly name: string; readonly labels: Readonly<Record<string, string>> };

/** Evaluates rules over figures. Pure but for what it remembers: time comes in. */
export class AlertEngine {
  readonly #rules: readonly Rule[];
  readonly #stepMsMax: number;
  /** Names of rules that inhibit others. */
  readonly #inhibiting: ReadonlySet<string>;
  #evaluatedMs: number | null = null;
  #states = new Map<string, State>();
  /** Resolved within `SETTLE_MS`: they still inhibit. */
  #settling: readonly { readonly alert: Alert; readonly untilMs: number }[] = [];

  constructor({ rules, firing = [], stepMsMax = Number.POSITIVE_INFINITY }: AlertEngineOptions) {
    this.#rules = rules;
    this.#stepMsMax = stepMsMax;
    this.#inhibiting = new Set(rules.flatMap(({ inhibitedBy = [] }) => inhibitedBy));
    for (const alert of firing) this.#states.set(alert.fingerprint, { ...NONE, alert });
  }

  get firing(): readonly Alert[] {
    return [...this.#states.values()].flatMap(({ alert }) => alert ?? []);
  }

  evaluate(figures: readonly Figure[], nowMs: number): Transitions {
    const byName = Map.groupBy(figures, ({ name }) => name);
    const seen = new Map<string, Seen>();
    for (const rule of this.#rules) {
      for (const judged of seriesOf(rule, byName)) seen.set(fingerprintOf(rule, judged.labels), { rule, judged });
    }
    const known = new Set([...seen.keys(), ...this.#states.keys()]);
    this.#settling = this.#settling.filter(({ untilMs }) => nowMs < untilMs);
    const causes = [...this.firing, ...this.#settling.map(({ alert }) => alert), ...this.#holding(seen.values())];
    const lostMs = Math.max(0, nowMs - (this.#evaluatedMs ?? nowMs) - this.#stepMsMax);
    this.#evaluatedMs = nowMs;
    const fired: Alert[] = [];
    const resolved: Alert[] = [];
    const next = new Map<string, State>();
    for (const fingerprint of known) {
      const before = without(lostMs, this.#states.get(fingerprint) ?? NONE);
      const now = seen.get(fingerprint);
      const isInhibited = now !== undefined && causes.some((cause) => inhibits(cause, now));
      const after =
        now === undefined ? unseen(before, nowMs) : step({ before, ...now, fingerprint, isInhibited, nowMs });
      if (before.alert === null && after.alert !== null) fired.push(after.alert);
      if (before.alert !== null && after.alert === null)
        resolved.push({ ...before.alert, state: 'resolved', endsAt: new Date(nowMs).toISOString() });
      if (after.alert !== null || after.pendingSinceMs !== null) next.set(fingerprint, after);
    }
    this.#states = next;
    this.#settling = [...this.#settling, ...resolved.map((alert) => ({ alert, untilMs: nowMs + SETTLE_MS }))];
    return { fired, resolved };
  }

  /** Causes whose condition holds, and which may be about to fire: what repeats them waits for that. */
  #holding(seen: Iterable<Seen>): readonly Cause[] {
    return [...seen]
      .filter(({ rule, judged }) => this.#inhibiting.has(rule.name) && holds(rule, judged, false))
      .map(({ rule, judged }) => ({ name: rule.name, labels: judged.labels }));
  }
}

/** The series that a rule judges. That one is absent is judged as a series without labels. */
function seriesOf(rule: Rule, byName: ReadonlyMap<string, readonly Figure[]>): readonly Judged[] {
  const wanted = Object.entries(rule.where ?? {});
  const found = (byName.get(rule.metric) ?? []).filter(({ labels }) =>
    wanted.every(([label, value]) => labels[label] === value),
  );
  if (rule.is !== 'absent') return found;
  return [{ labels: rule.where ?? {}, value: found.length === 0 ? null : 1 }];
}

function without(lostMs: number, state: State): State {
  const { pendingSinceMs, endingSinceMs } = state;
  if (lostMs === 0) return state;
  return {
    ...state,
    pendingSinceMs: pendingSinceMs === null ? null : pendingSinceMs + lostMs,
    endingSinceMs: endingSinceMs === null ? null : endingSinceMs + lostMs,
  };
}

function holds(rule: Rule, { value }: Judged, isFiring: boolean): boolean {
  return value === null || isBreached(rule, value, isFiring);
}

/** Whether the cause already says it: it is one of those that inhibit the rule, and of no other node or group. */
function inhibits(cause: Cause, { rule, judged }: Seen): boolean {
  if (rule.inhibitedBy?.includes(cause.name) !== true) return false;
  return Object.entries(cause.labels).every(([label, value]) => (judged.labels[label] ?? value) === value);
}

function step(at: {
  readonly before: State;
  readonly rule: Rule;
  readonly judged: Judged;
  readonly fingerprint: string;
  readonly isInhibited: boolean;
  readonly nowMs: number;
}): State {
  const { before, rule, judged, fingerprint, isInhibited, nowMs } = at;
  const breached = holds(rule, judged, before.alert !== null);
  if (before.alert !== null) {
    // Between the two borders it says what it last said: why it fires.
    const summary = holds(rule, judged, false) ? summaryOf(rule, judged) : before.alert.summary;
    if (breached) return { ...NONE, alert: { ...before.alert, summary } };
    const endingSinceMs = before.endingSinceMs ?? nowMs;
    return nowMs - endingSinceMs >= rule.keepSeconds * 1_000 ? NONE : { ...NONE, endingSinceMs, alert: before.alert };
  }
  if (!breached) return NONE;
  const pendingSinceMs = before.pendingSinceMs ?? nowMs;
  if (isInhibited || nowMs - pendingSinceMs < rule.forSeconds * 1_000) return { ...NONE, pendingSinceMs };
  return {
    ...NONE,
    alert: {
      fingerprint,
      name: rule.name,
      severity: rule.severity,
      state: 'firing',
      summary: summaryOf(rule, judged),
      runbook: `docs/operations/${rule.runbook}.md`,
      startsAt: new Date(nowMs).toISOString(),
      endsAt: null,
      labels: judged.labels,
    },
  };
}

function unseen(before: State, nowMs: number): State {
  if (before.alert === null) return NONE;
  const unseenSinceMs = before.unseenSinceMs ?? nowMs;
  return nowMs - unseenSinceMs >= UNSEEN_MS ? NONE : { ...before, unseenSinceMs };
}

function fingerprintOf(rule: Rule, labels: Readonly<Record<string, string>>): string {
  return createHash('sha256')
    .update(keyOf({ name: rule.name, labels }))
    .digest('hex')
    .slice(0, 16);
}

function summaryOf(rule: Rule, { labels, value }: Judged): string {
  const shown = (number: number) => (value === null ? 'none' : String(Math.round(number * 100) / 100));
  const words: Readonly<Record<string, string>> = {
    ...labels,
    value: shown(value ?? 0),
    percent: `${shown((value ?? 0) * 100)} %`,
  };
  return rule.summary.replaceAll(/\{(\w+)\}/g, (_, name: string) => words[name] ?? '');
}
