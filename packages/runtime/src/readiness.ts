export type ReadinessPart = { readonly part: string; readonly ok: boolean; readonly detail: string };

/** What a service needs before it can do its work, and why it cannot. */
export class Readiness {
  readonly #parts = new Map<string, ReadinessPart>();

  /** `detail` says what is waited for, or what failed; shown at /readyz. */
  set(part: string, ok: boolean, detail = ''): void {
    this.#parts.set(part, { part, ok, detail });
  }

  /** Not ready while no part was named: a service that has not begun must not take traffic. */
  snapshot(): { readonly ready: boolean; readonly parts: readonly ReadinessPart[] } {
    const parts = [...this.#parts.values()];
    return { ready: parts.length > 0 && parts.every((part) => part.ok), parts };
  }
}
