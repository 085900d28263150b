/** Two minutes at two samples a second; who is further behind is as far as that. */
const SAMPLES_MAX = 240;

/** How late a replica is: the age of the first position of the primary that it has not replayed. */
export class ReplayLag {
  #samples: { readonly position: bigint; readonly atMs: number }[] = [];

  /** The primary was at `position` at that time. */
  note(position: bigint, atMs: number): void {
    const last = this.#samples.at(-1);
    if (last !== undefined && position <= last.position) return;
    this.#samples.push({ position, atMs });
    if (this.#samples.length > SAMPLES_MAX) this.#samples = this.#samples.slice(-SAMPLES_MAX);
  }

  /** Milliseconds; 0 for one that has all that the primary was ever seen to have. */
  of(replayed: bigint, nowMs: number): number {
    const missing = this.#samples.find(({ position }) => position > replayed);
    return missing === undefined ? 0 : nowMs - missing.atMs;
  }
}
