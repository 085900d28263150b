import { type EndpointsFile, readEndpoints } from '@tradestream/stack';
import { Command } from 'commander';
import type { CliContext } from '../cli-context.ts';
import { CliFailure, EXIT } from '../output/exit-code.ts';
import { projectRoot } from '../project-root.ts';
import { isAlive } from '../up/is-alive.ts';
import { probe } from '../up/probe.ts';

export function statusCommand(context: CliContext): Command {
  return new Command('status').description('what runs in this checkout, and whether it is ready').action(async () => {
    const endpoints = readEndpoints(projectRoot());
    if (endpoints === null) throw new CliFailure('nothing runs in this checkout', { exitCode: EXIT.unhealthy });
    const rows = await Promise.all(Object.entries(endpoints.pids).map(([name, pid]) => rowOf(endpoints, name, pid)));
    context.terminal.list(rows, [
      { title: 'PART', field: 'part' },
      { title: 'PID', field: 'pid', align: 'right' },
      { title: 'STATE', field: 'state' },
      { title: 'URL', field: 'url' },
    ]);
    const bad = rows.filter(({ state }) => state !== 'ready' && state !== 'running');
    if (bad.length > 0)
      throw new CliFailure(`not well: ${bad.map(({ part }) => part).join(', ')}`, { exitCode: EXIT.unhealthy });
  });
}

type Row = { readonly part: string; readonly pid: number; readonly state: string; readonly url: string };

async function rowOf(endpoints: EndpointsFile, part: string, pid: number): Promise<Row> {
  const url = urlOf(endpoints, part);
  if (!isAlive(pid)) return { part, pid, state: 'gone', url };
  if (part !== 'gateway' && part !== 'monitor') return { part, pid, state: 'running', url };
  const { isReady, waitingFor } = await probe(url);
  return { part, pid, state: isReady ? 'ready' : `waiting: ${waitingFor}`, url };
}

/** Without credentials: status is what one shows to others. */
function urlOf(endpoints: EndpointsFile, part: string): string {
  switch (part) {
    case 'gateway':
      return endpoints.gatewayUrl;
    case 'monitor':
      return endpoints.monitorUrl;
    case 'kafka':
      return endpoints.kafkaBrokers;
    case 'registry':
      return endpoints.schemaRegistryUrl;
    case 'redis':
      return withoutPassword(endpoints.redisUrl);
    case 'primary':
      return withoutPassword(endpoints.databaseUrl);
    default:
      return withoutPassword(endpoints.replicaUrls[part] ?? '');
  }
}

function withoutPassword(url: string): string {
  if (url === '') return '';
  const shown = new URL(url);
  shown.password = '';
  return shown.href;
}
