import type { ServerResponse } from 'node:http';
import type { Closeable } from '@tradestream/runtime';
import type { Present } from './present.ts';

/** Pages that may listen at once. */
const LISTENERS_MAX = 100;
/** A listener that has so much unread is cut off: it will connect again and get the present. */
const UNREAD_BYTES_MAX = 4 * 1024 * 1024;

/** Server-sent events: every listener gets the present at once, then each change as it is read. */
export class EventStream implements Closeable {
  readonly #listeners = new Set<ServerResponse>();
  readonly #everyMs: number;

  /** `everyMs`: between two presents, ms; a page takes longer silence for an outage. */
  constructor(everyMs: number) {
    this.#everyMs = everyMs;
  }

  get isFull(): boolean {
    return this.#listeners.size >= LISTENERS_MAX;
  }

  get hasListeners(): boolean {
    return this.#listeners.size > 0;
  }

  /** Takes the response over until it ends. What was sent last may be as old as the last page that listened. */
  attach(response: ServerResponse, present: Present): void {
    response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    });
    response.write(`retry: 2000\nevent: pace\ndata: ${this.#everyMs}\n\n${serialised(present)}`);
    this.#listeners.add(response);
    response.once('close', () => this.#listeners.delete(response));
  }

  /** Serialised once for all. */
  send(present: Present): void {
    const text = serialised(present);
    for (const listener of this.#listeners) {
      if (listener.writableLength > UNREAD_BYTES_MAX) listener.destroy();
      else listener.write(text);
    }
  }

  async close(): Promise<void> {
    for (const listener of this.#listeners) listener.end();
    this.#listeners.clear();
  }
}

function serialised(present: Present): string {
  return `event: watch\ndata: ${JSON.stringify(present)}\n\n`;
}
