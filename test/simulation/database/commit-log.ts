import type { Random } from '../random.ts';
import type { Transaction } from './table.ts';

/** A commit that is written here and that its client still waits for. */
export type WaitingCommit = {
  readonly number: number;
  readonly tx: Transaction;
  /** `isAlone`: it stands, and perhaps no standby has it. */
  readonly done: (isAlone: boolean) => void;
};

type Standing = { readonly number: number; readonly undo: readonly (() => void)[] };

/**
 * Commits in the order of the write-ahead log, as far as the standbys may lack them: those that wait
 * for them, invisible and with their locks held, and those that stand without.
 */
export class CommitLog {
  /** Number of the last commit. */
  last = 0;
  #waiting: WaitingCommit[] = [];
  #alone: Standing[] = [];

  /** Whether something is seen that the standbys may lack. */
  get standsAlone(): boolean {
    return this.#alone.length > 0;
  }

  next(): number {
    this.last += 1;
    return this.last;
  }

  wait(commit: WaitingCommit): void {
    this.#waiting.push(commit);
  }

  /** The commit of a transaction that waits for the standbys, taken out. */
  takeWaiting(tx: Transaction | null): WaitingCommit | null {
    const found = tx === null ? this.#waiting[0] : this.#waiting.find((each) => each.tx === tx);
    if (found !== undefined) this.#waiting = this.#waiting.filter((each) => each !== found);
    return found ?? null;
  }

  /** Remembers how to take back what stands without the standbys. */
  stands(number: number, undo: readonly (() => void)[]): void {
    this.#alone.push({ number, undo });
    if (this.#alone.length > 1) this.#alone.sort((a, b) => a.number - b.number);
  }

  /** The standbys have everything up to this number; returns those that waited for it. */
  flushed(number: number): readonly WaitingCommit[] {
    if (this.#alone.length > 0) this.#alone = this.#alone.filter((each) => each.number > number);
    const count = this.#waiting.findIndex((each) => each.number > number);
    return this.#waiting.splice(0, count < 0 ? this.#waiting.length : count);
  }

  /** The server comes back with all that it had written; returns what waited: it stands now. */
  restart(): readonly WaitingCommit[] {
    return this.#waiting.splice(0);
  }

  /** A standby takes over, with some of what was not confirmed: the rest is taken back. */
  promote(random: Random): { readonly kept: readonly WaitingCommit[]; readonly lost: readonly WaitingCommit[] } {
    const open = [this.#waiting[0]?.number, this.#alone[0]?.number].map((number) => number ?? this.last + 1);
    const keptUntil = random.between(Math.min(...open) - 1, this.last);
    for (const { number, undo } of this.#alone.toReversed()) {
      if (number > keptUntil) for (const takeBack of undo.toReversed()) takeBack();
    }
    this.#alone = [];
    const waiting = this.#waiting.splice(0);
    return {
      kept: waiting.filter(({ number }) => number <= keptUntil),
      lost: waiting.filter(({ number }) => number > keptUntil),
    };
  }
}
