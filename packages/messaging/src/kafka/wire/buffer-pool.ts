/** One for each leader that is written to at the same time. */
const COUNT_MAX = 8;
const BYTES_MAX = 16 * 1024 * 1024;

/**
 * Large buffers that are used again: memory made anew for each request is what the garbage collector
 * is driven by, and its pages cost more at their first touch than all that is written to them. What
 * may still be read by someone is never given back.
 */
export class BufferPool {
  /** Smallest first. */
  readonly #idle: Buffer[] = [];
  #bytes = 0;

  /** A buffer of at least so many bytes, with whatever is in it. Where all are too small the largest makes way. */
  take(byteCount: number): Buffer {
    const index = this.#idle.findIndex((buffer) => buffer.length >= byteCount);
    const found = index < 0 ? this.#idle.pop() : this.#idle.splice(index, 1)[0];
    this.#bytes -= found?.length ?? 0;
    return found === undefined || index < 0 ? Buffer.allocUnsafeSlow(byteCount) : found;
  }

  give(buffer: Buffer): void {
    if (this.#idle.length >= COUNT_MAX || this.#bytes + buffer.length > BYTES_MAX) return;
    this.#bytes += buffer.length;
    const larger = this.#idle.findIndex((idle) => idle.length > buffer.length);
    this.#idle.splice(larger < 0 ? this.#idle.length : larger, 0, buffer);
  }
}
