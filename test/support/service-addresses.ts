import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from './eventually.ts';
import type { LedgerWorld } from './ledger-world.ts';

const LISTENS_MS = 60_000;

/** Where the services of now are, as `npm start` tells it to the monitor. */
export class ServiceAddresses {
  readonly file = join(mkdtempSync(join(tmpdir(), 'tradestream-services-')), 'services.json');
  readonly #metricsUrls: Record<string, string> = {};

  /** Tells where a service is, once it listens. */
  async tell(world: LedgerWorld, name: string, child: ChildProcess): Promise<string> {
    const url = await eventually(
      () => {
        const line = world.logOf(child).find(({ event }) => event === 'http_listening');
        if (line?.url === undefined) throw new Error(`${name} does not listen; see ${world.logFolder}`);
        return line.url;
      },
      { withinMs: LISTENS_MS },
    );
    this.#metricsUrls[name] = url;
    writeFileSync(this.file, JSON.stringify({ metricsUrls: this.#metricsUrls }));
    return url;
  }
}
