const COUNT_MAX = 32;
const BYTES_MAX = 8 * 1024 * 1024;

/**
 * Large buffers that are used again: made anew for each batch they are what the garbage collector is
 * driven by. What may still be read by someone is never given back.
 */
export class BufferPool {
  readonly #idle: Buffer[] = [];
  #bytes = 0;

  /** A buffer of at least so many bytes, with whatever is in it. */
  take(byteCount: number): Buffer {
    const index = this.#idle.findIndex((buffer) => buffer.length >= byteCount);
    const found = index < 0 ? undefined : this.#idle.splice(index, 1)[0];
    this.#bytes -= found?.length ?? 0;
    return found ?? Buffer.allocUnsafeSlow(byteCount);
  }

  give(buffer: Buffer): void {
    if (this.#idle.length >= COUNT_MAX || this.#bytes + buffer.length > BYTES_MAX) return;
    this.#bytes += buffer.length;
    this.#idle.push(buffer);
  }
}
