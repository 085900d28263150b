type Mark = { readonly position: number; readonly atMs: number };

/** An hour at the default interval; a replica farther back is at least that old. */
const MARKS_MAX = 1_800;

/**
 * When the primary was at a position of its log. A replica's lag in seconds is how long ago the
 * primary left the position that the replica is at: 0 on an idle primary, and right while replay is
 * paused, where the age of the last replayed transaction is neither.
 */
export class WalClock {
  #marks: Mark[] = [];

  /** The primary was read. A position that went back is another primary's: what was known of the old is dropped. */
  mark(position: number, atMs: number): void {
    const last = this.#marks.at(-1);
    if (last !== undefined && position < last.position) this.#marks = [];
    if (last?.position === position) this.#marks.pop();
    this.#marks.push({ position, atMs });
    if (this.#marks.length > MARKS_MAX) this.#marks.shift();
  }

  /**
   * Seconds that a replica at `position` is behind; null while the primary was never read. Where the
   * primary stood still, it left its position at the last reading that showed it there.
   */
  secondsBehind(position: number, nowMs: number): number | null {
    const newest = this.#marks.at(-1);
    if (newest === undefined) return null;
    if (position >= newest.position) return 0;
    const index = this.#marks.findLastIndex((mark) => mark.position <= position);
    const before = this.#marks[index];
    const after = this.#marks[index + 1];
    if (before === undefined || after === undefined) return (nowMs - (this.#marks[0]?.atMs ?? nowMs)) / 1_000;
    const fraction = (position - before.position) / (after.position - before.position);
    return Math.max(0, nowMs - (before.atMs + fraction * (after.atMs - before.atMs))) / 1_000;
  }
}
