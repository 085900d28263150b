import type { FigureName } from '../figures/figure.ts';

/** A condition on figures, as data. Every series of the metric is judged on its own. */
export type Rule = {
  readonly name: string;
  readonly severity: 'info' | 'warning' | 'critical';
  readonly metric: FigureName;
  /** Only series with these labels. */
  readonly where?: Readonly<Record<string, string>>;
  /** `absent`: no such series is there at all. */
  readonly is: 'above' | 'below' | 'equal' | 'absent';
  readonly value: number;
  /** Once it fires, it stays until the value is on the other side of this one: the gap stops flapping. */
  readonly clear?: number;
  /** How long the condition holds before it fires, and how long it must be gone before it resolves. */
  readonly forSeconds: number;
  readonly keepSeconds: number;
  /** `{label}` and `{value}` are filled in; `{percent}` is the value of a share. */
  readonly summary: string;
  /** Page of docs/operations, without `.md`. */
  readonly runbook: string;
  /** While the condition of one of these holds, this one only says the same again. */
  readonly inhibitedBy?: readonly string[];
};

/** The condition has to be seen at two readings, and not be gone at the next; a fault is named within 15 s. */
export const SOON = { forSeconds: 4, keepSeconds: 4 } as const;
/** The verdict itself rests on a whole window already. */
export const AT_ONCE = { forSeconds: 0, keepSeconds: 4 } as const;
export const SLOWLY = { forSeconds: 30, keepSeconds: 15 } as const;

/** Whether a value keeps the rule's condition; `isFiring` takes the clearing value for the border. */
export function isBreached(rule: Rule, value: number, isFiring: boolean): boolean {
  const border = isFiring ? (rule.clear ?? rule.value) : rule.value;
  switch (rule.is) {
    case 'above':
      return value > border;
    case 'below':
      return value < border;
    case 'equal':
      return value === rule.value;
    case 'absent':
      return false;
  }
}
