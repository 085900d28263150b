import { type LogAdmin, MessagingError } from '@tradestream/messaging';

/** Settings of topics change rarely: one is asked for again after so long, ms. */
const FRESH_MS = 60_000;

type Known = { readonly atMs: number; readonly retentionMs: number | null };

/** How long topics keep their records. */
export class TopicRetention {
  readonly #admin: LogAdmin;
  readonly #known = new Map<string, Known>();

  constructor(admin: LogAdmin) {
    this.#admin = admin;
  }

  of(topic: string): number | null {
    return this.#known.get(topic)?.retentionMs ?? null;
  }

  /** Asks for what is not known or old; at most one topic at a time, and forgets all others. */
  async refresh(topics: readonly string[]): Promise<void> {
    for (const topic of this.#known.keys()) if (!topics.includes(topic)) this.#known.delete(topic);
    const nowMs = performance.now();
    for (const topic of topics) {
      if (nowMs - (this.#known.get(topic)?.atMs ?? -Infinity) < FRESH_MS) continue;
      this.#known.set(topic, { atMs: nowMs, retentionMs: await this.#ask(topic) });
    }
  }

  async #ask(topic: string): Promise<number | null> {
    try {
      const config = await this.#admin.topicConfig(topic);
      const retentionMs = Number(config['retention.ms'] ?? -1);
      const expires = (config['cleanup.policy'] ?? '').split(',').includes('delete');
      return expires && retentionMs >= 0 ? retentionMs : null;
    } catch (error) {
      // Not allowed to read settings, or gone meanwhile: what expires is then not known.
      if (error instanceof MessagingError && error.retry === 'never') return null;
      throw error;
    }
  }
}
