const KEPT = 8;

type Ran = { readonly text: string; readonly fromMs: number; untilMs: number | null };

/** When the last statements of a transaction ran, by the clock of `performance.now()`. */
export class StatementTrail {
  readonly #ran: Ran[] = [];

  /** A statement is sent; what it gives back is called when it has ended. */
  began(text: string, nowMs = performance.now()): (nowMs?: number) => void {
    const ran: Ran = { text, fromMs: nowMs, untilMs: null };
    this.#ran.push(ran);
    if (this.#ran.length > KEPT) this.#ran.shift();
    return (endMs = performance.now()) => {
      ran.untilMs = endMs;
    };
  }

  /** The last one and when it ran; null when there was none. */
  get last(): Readonly<Ran> | null {
    return this.#ran.at(-1) ?? null;
  }

  /** The one that ran longest beside the time from `fromMs` to `untilMs`, and how long; null when none did. */
  beside(fromMs: number, untilMs: number): { readonly text: string; readonly sharedMs: number } | null {
    let longest: { readonly text: string; readonly sharedMs: number } | null = null;
    for (const ran of this.#ran) {
      const sharedMs = Math.min(untilMs, ran.untilMs ?? Infinity) - Math.max(fromMs, ran.fromMs);
      if (sharedMs > (longest?.sharedMs ?? 0)) longest = { text: ran.text, sharedMs };
    }
    return longest;
  }
}
