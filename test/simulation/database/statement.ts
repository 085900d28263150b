import type { Statement } from '@tradestream/database';
import type { Transaction } from './table.ts';

/** What a statement may see of the server that runs it. */
export interface StatementHost {
  readonly timeline: number;
  readonly nowMs: number;
  readonly pid: number;
  /** The next number of the sequence of batches; never taken back. */
  nextBatch(): number;
  /** What this session took last. */
  readonly lastBatch: number;
  /** Ends the sessions of an application that a session waits for; returns their pids. */
  endBlockersOf(pid: number, applicationName: string): readonly number[];
}

/** `values` are a statement's parameters, or the rows of a COPY. */
export type RunStatement = (host: StatementHost, tx: Transaction, values: readonly unknown[]) => readonly object[];

/** Statements by the name that they are prepared under, and those without one by a piece of their text. */
export type Statements = {
  readonly named: Readonly<Record<string, RunStatement>>;
  readonly unnamed: readonly (readonly [text: string, run: RunStatement])[];
};

/** Finds what a statement runs. */
export class StatementBook {
  readonly #statements: Statements;
  readonly #known = new Map<string, RunStatement>();

  constructor(statements: Statements) {
    this.#statements = statements;
  }

  find({ name, text }: Statement): RunStatement {
    const known = this.#known.get(name ?? text);
    if (known !== undefined) return known;
    const { named, unnamed } = this.#statements;
    const found = name === undefined ? unnamed.find(([piece]) => text.includes(piece))?.[1] : named[name];
    if (found === undefined) {
      throw new Error(`the simulation's database has no such statement, see *-statements.ts beside it: ${text}`);
    }
    this.#known.set(name ?? text, found);
    return found;
  }
}
