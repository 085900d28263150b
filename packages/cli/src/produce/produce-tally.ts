import type { StreamedAnswer } from '@tradestream/client';
import type { InputCommand } from './input-item.ts';

const OUTCOMES = ['applied', 'rejected', 'parked', 'discarded'] as const;
type Outcome = (typeof OUTCOMES)[number];

export type ProduceSummary = {
  /** Commands that were answered in this run. */
  readonly sent: number;
  /** Commands that an earlier run had answered and that were not sent again. */
  readonly answeredBefore: number;
  /** Of those, commands that were refused or in conflict. */
  readonly failedBefore: number;
  readonly outcomes: Readonly<Record<Outcome, number>>;
  /** Commands of each type that were applied. */
  readonly appliedTypes: Readonly<Record<string, number>>;
  /** Rejected commands by reason. */
  readonly reasons: Readonly<Record<string, number>>;
  /** Ids that already stood for another payload. */
  readonly conflicts: number;
  /** Commands that the gateway refused for good. */
  readonly refused: number;
  /** Lines that are no command. */
  readonly badLines: number;
};

/** Counts what became of the commands of a run. */
export class ProduceTally {
  #sent = 0;
  #answeredBefore = 0;
  #failedBefore = 0;
  #conflicts = 0;
  #refused = 0;
  #badLines = 0;
  readonly #outcomes: Record<Outcome, number> = { applied: 0, rejected: 0, parked: 0, discarded: 0 };
  readonly #appliedTypes: Record<string, number> = {};
  readonly #reasons: Record<string, number> = {};

  /** Commands that were refused or in conflict, in this run or before. */
  get failed(): number {
    return this.#conflicts + this.#refused + this.#failedBefore;
  }

  addBefore(answered: number, failed: number): void {
    this.#answeredBefore += answered;
    this.#failedBefore += failed;
  }

  addBadLine(): void {
    this.#badLines += 1;
  }

  /** What is wrong with the answer, or null when the command is on its way or has its receipt. */
  add({ command }: InputCommand, answer: StreamedAnswer): string | null {
    this.#sent += 1;
    if (answer['code'] === 'CONFLICT') {
      this.#conflicts += 1;
      return String(answer['title']);
    }
    if (typeof answer['status'] === 'number') {
      this.#refused += 1;
      const { field, rule, title, code } = answer;
      return typeof field === 'string' ? `${field} ${String(rule)}` : String(title ?? code);
    }
    const outcome = OUTCOMES.find((known) => known === answer['outcome']);
    if (outcome === undefined) return null;
    this.#outcomes[outcome] += 1;
    if (outcome === 'applied') increment(this.#appliedTypes, command.type);
    if (outcome === 'rejected') increment(this.#reasons, String(answer['reason']));
    return null;
  }

  summary(): ProduceSummary {
    return {
      sent: this.#sent,
      answeredBefore: this.#answeredBefore,
      failedBefore: this.#failedBefore,
      outcomes: { ...this.#outcomes },
      appliedTypes: { ...this.#appliedTypes },
      reasons: { ...this.#reasons },
      conflicts: this.#conflicts,
      refused: this.#refused,
      badLines: this.#badLines,
    };
  }
}

function increment(counts: Record<string, number>, name: string): void {
  counts[name] = (counts[name] ?? 0) + 1;
}
