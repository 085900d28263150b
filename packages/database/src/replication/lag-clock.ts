const KEPT_MAX = 4_096;
const KEPT_MS = 3_600_000;

/**
 * When the primary reached which place: the lag of a replica in time, without comparing the clocks of two
 * machines, and 0 when the primary writes nothing.
 */
export class LagClock {
  #samples: { readonly atMs: number; readonly lsn: bigint }[] = [];

  get lsn(): bigint | null {
    return this.#samples.at(-1)?.lsn ?? null;
  }

  note(atMs: number, lsn: bigint): void {
    const last = this.#samples.at(-1);
    if (last !== undefined && lsn <= last.lsn) {
      // A new primary may stand before the old one's end.
      if (lsn < last.lsn) this.#samples = [{ atMs, lsn }];
      return;
    }
    this.#samples.push({ atMs, lsn });
    if (this.#samples.length > KEPT_MAX || atMs - (this.#samples[0]?.atMs ?? atMs) > KEPT_MS) this.#samples.shift();
  }

  /** Milliseconds since the primary first was seen beyond what the replica has replayed. */
  lagMs(nowMs: number, replayed: bigint): number {
    const missed = this.#samples.find((sample) => sample.lsn > replayed);
    return missed === undefined ? 0 : Math.max(0, nowMs - missed.atMs);
  }

  lagBytes(replayed: bigint): number {
    const { lsn } = this;
    return lsn === null || lsn <= replayed ? 0 : Number(lsn - replayed);
  }
}
