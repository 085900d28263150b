import type { AlertAnswer } from '@tradestream/answers';

/** An alert with the key by which it is the same from one evaluation to the next. */
export type Alert = AlertAnswer & { readonly fingerprint: string };

/** Asks alerts by their labels and their name (as `alertname`): every pair must match. */
export function matches(alert: AlertAnswer, matchers: Readonly<Record<string, string>>): boolean {
  return Object.entries(matchers).every(([label, value]) =>
    label === 'alertname' ? alert.name === value : alert.labels[label] === value,
  );
}
