import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { endProcess } from './processes.ts';

/** `alertmanager` or `promtool` where `go install`, or a distribution, has put it; null where it is not. */
export function findProgram(name: 'alertmanager' | 'promtool'): string | null {
  const goFolder = process.env['GOBIN'] ?? join(homedir(), 'go', 'bin');
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), goFolder];
  return folders.map((folder) => join(folder, name)).find((file) => existsSync(file)) ?? null;
}

export type Alertmanager = AsyncDisposable & {
  /** Base of its API. */
  readonly url: string;
  /** `host:port`. */
  readonly place: string;
};

/** An Alertmanager on a free port, without a cluster, that tells `webhookUrl` of alerts grouped by severity. */
export async function startAlertmanager(program: string, webhookUrl: string): Promise<Alertmanager> {
  const folder = mkdtempSync(join(tmpdir(), 'tradestream-alertmanager-'));
  const config = join(folder, 'alertmanager.json');
  // JSON is YAML.
  writeFileSync(
    config,
    JSON.stringify({
      route: {
        receiver: 'hook',
        group_by: ['severity'],
        group_wait: '3s',
        group_interval: '2s',
        repeat_interval: '1h',
      },
      receivers: [{ name: 'hook', webhook_configs: [{ url: webhookUrl, send_resolved: true }] }],
    }),
  );
  const child = spawn(
    program,
    [
      `--config.file=${config}`,
      `--storage.path=${join(folder, 'data')}`,
      '--web.listen-address=127.0.0.1:0',
      '--cluster.listen-address=',
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  const place = await new Promise<string>((resolve, reject) => {
    const said: string[] = [];
    createInterface({ input: child.stderr }).on('line', (line) => {
      said.push(line);
      const found = /[Ll]istening.*address=(127\.0\.0\.1:\d+)/.exec(line)?.[1];
      if (found !== undefined) resolve(found);
    });
    child.once('error', reject);
    child.once('exit', () => reject(new Error(`Alertmanager ended: ${said.join('\n')}`)));
  });
  return { url: `http://${place}`, place, [Symbol.asyncDispose]: async () => await endProcess(child) };
}
