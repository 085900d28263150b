export type ReadinessPart = {
  readonly part: string;
  readonly ok: boolean;
  readonly detail: string;
  /** The service does its work without it. */
  readonly needed?: false;
};

/** What a service needs before it can do its work, and why it cannot. */
export class Readiness {
  readonly #parts = new Map<string, ReadinessPart>();

  /** `detail` says what is waited for, or what failed; shown at /readyz. */
  set(part: string, ok: boolean, detail = ''): void {
    this.#parts.set(part, { part, ok, detail });
  }

  /** Of a part that the service can do without by now: it is told as it is, and keeps nobody from being ready. */
  setOptional(part: string, ok: boolean, detail = ''): void {
    this.#parts.set(part, { part, ok, detail, needed: false });
  }

  /** Of a part that is there while each of its members is; both are told. */
  setMember(part: string, member: string, ok: boolean, detail = ''): void {
    this.set(`${part}: ${member}`, ok, detail);
    const members = [...this.#parts.values()].filter((each) => each.part.startsWith(`${part}: `));
    this.set(
      part,
      members.every((each) => each.ok),
      detail,
    );
  }

  /** Not ready while no part was named: a service that has not begun must not take traffic. */
  snapshot(): { readonly ready: boolean; readonly parts: readonly ReadinessPart[] } {
    const parts = [...this.#parts.values()];
    return { ready: parts.length > 0 && parts.every(({ ok, needed }) => ok || needed === false), parts };
  }
}
