import { errorOf } from '@tradestream/runtime';

/**
 * Answers in the order of their questions, at most `max` outstanding. The asking side waits in
 * `room` (so a stream is read no faster than it is answered), the answering side takes what is
 * ready; each holds the other back.
 */
export class AnswerWindow<T> {
  readonly #max: number;
  readonly #pending: Promise<T>[] = [];
  #ended = false;
  #failure: Error | null = null;
  #wakeAsker: (() => void) | null = null;
  #wakeTaker: (() => void) | null = null;

  constructor(max: number) {
    this.#max = max;
  }

  /** Resolves when fewer than `max` answers are outstanding; false when nobody takes answers any more. */
  async room(): Promise<boolean> {
    while (this.#pending.length >= this.#max && !this.#ended) {
      await new Promise<void>((resolve) => {
        this.#wakeAsker = resolve;
      });
    }
    return !this.#ended;
  }

  add(answer: Promise<T>): void {
    // Whoever takes it awaits it; until then its rejection has an owner.
    answer.catch(() => undefined);
    this.#pending.push(answer);
    this.#wake('taker');
  }

  /** No more questions; with a failure, the taker gets it after the answers that came before. */
  end(failure?: unknown): void {
    if (failure !== undefined) this.#failure ??= errorOf(failure);
    this.#ended = true;
    this.#wake('taker');
    this.#wake('asker');
  }

  /** The answers in order. Leaving the loop early ends the window. */
  async *answers(): AsyncGenerator<T> {
    try {
      for (;;) {
        const next = this.#pending[0];
        if (next !== undefined) {
          const answer = await next;
          void this.#pending.shift(); // awaited above
          this.#wake('asker');
          yield answer;
        } else if (this.#ended) break;
        else {
          await new Promise<void>((resolve) => {
            this.#wakeTaker = resolve;
          });
        }
      }
      if (this.#failure !== null) throw this.#failure;
    } finally {
      this.end();
    }
  }

  #wake(side: 'asker' | 'taker'): void {
    const wake = side === 'asker' ? this.#wakeAsker : this.#wakeTaker;
    if (side === 'asker') this.#wakeAsker = null;
    else this.#wakeTaker = null;
    wake?.();
  }
}
