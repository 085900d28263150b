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

type Judged = { readonly labels: Readonly<Record<string, string>>; readonly value: number | null };

/** Evaluates rules over figures. Pure but for what it remembers: time comes in. */
export class AlertEngine {
  readonly #rules: readonly Rule[];
  #states = new Map<string, State>();
  /** Resolved within `SETTLE_MS`: they still inhibit. */
  #settling: readonly { readonly alert: Alert; readonly untilMs: number }[] = [];

  constructor(rules: readonly Rule[], firing: readonly Alert[] = []) {
    this.#rules = rules;
    for (const alert of firing) this.#states.set(alert.fingerprint, { ...NONE, alert });
  }

  get firing(): readonly Alert[] {
    return [...this.#states.values()].flatMap(({ alert }) => alert ?? []);
  }

  evaluate(figures: readonly Figure[], nowMs: number): Transitions {
    const byName = Map.groupBy(figures, ({ name }) => name);
    const seen = new Map<string, { readonly rule: Rule; readonly judged: Judged }>();
    for (const rule of this.#rules) {
      for (const judged of seriesOf(rule, byName)) seen.set(fingerprintOf(rule, judged.labels), { rule, judged });
    }
    const known = new Set([...seen.keys(), ...this.#states.keys()]);
    this.#settling = this.#settling.filter(({ untilMs }) => nowMs < untilMs);
    const causes = [...this.firing, ...this.#settling.map(({ alert }) => alert)];
    const fired: Alert[] = [];
    const resolved: Alert[] = [];
    const next = new Map<string, State>();
    for (const fingerprint of known) {
      const before = this.#states.get(fingerprint) ?? NONE;
      const now = seen.get(fingerprint);
      const isInhibited = now !== undefined && causes.some((alert) => inhibits(alert, now));
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

/** Whether the alert already says it: it is one of those that inhibit the rule, and of no other node or group. */
function inhibits(alert: Alert, { rule, judged }: { readonly rule: Rule; readonly judged: Judged }): boolean {
  if (rule.inhibitedBy?.includes(alert.name) !== true) return false;
  return Object.entries(alert.labels).every(([label, value]) => (judged.labels[label] ?? value) === value);
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
  const { value } = judged;
  const breached = value === null || isBreached(rule, value, before.alert !== null);
  if (before.alert !== null) {
    // Between the two borders it says what it last said: why it fires.
    const isPlain = value === null || isBreached(rule, value, false);
    const summary = isPlain ? summaryOf(rule, judged) : before.alert.summary;
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
