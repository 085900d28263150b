import { readFileSync, statSync } from 'node:fs';
import type { ServiceTarget } from './scrape.ts';

export type ServiceTargetsOptions = {
  /** `name=url` each. */
  readonly fixed: readonly string[];
  /** JSON with `metricsUrls: {name: url}`, read again whenever it was replaced; empty: none. */
  readonly file: string;
};

/** The processes whose `/metrics` are read: those that are fixed, and those that a file names. */
export class ServiceTargets {
  readonly #options: ServiceTargetsOptions;
  readonly #fixed: readonly ServiceTarget[];
  #fromFile: readonly ServiceTarget[] = [];
  #changedMs = 0;

  constructor(options: ServiceTargetsOptions) {
    this.#options = options;
    this.#fixed = options.fixed.map((each) => {
      const at = each.indexOf('=');
      return { name: each.slice(0, at), url: each.slice(at + 1) };
    });
  }

  current(): readonly ServiceTarget[] {
    const { file } = this.#options;
    if (file !== '') this.#refresh(file);
    return [...this.#fixed, ...this.#fromFile];
  }

  #refresh(file: string): void {
    const stats = statSync(file, { throwIfNoEntry: false });
    if (stats === undefined) {
      this.#fromFile = [];
      this.#changedMs = 0;
      return;
    }
    if (stats.mtimeMs === this.#changedMs) return;
    this.#changedMs = stats.mtimeMs;
    this.#fromFile = targetsIn(readFileSync(file, 'utf8'));
  }
}

/** What is no such JSON names no service: the file is replaced whole, so that is a mistake of its writer. */
function targetsIn(text: string): readonly ServiceTarget[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return [];
  }
  if (typeof parsed !== 'object' || parsed === null || !('metricsUrls' in parsed)) return [];
  const urls = parsed.metricsUrls;
  if (typeof urls !== 'object' || urls === null) return [];
  return Object.entries(urls).flatMap(([name, url]) =>
    typeof url === 'string' && URL.canParse(url) ? [{ name, url }] : [],
  );
}
