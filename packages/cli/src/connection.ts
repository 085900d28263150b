import { join } from 'node:path';
import type { GatewayAddress } from '@tradestream/client';
import { readEndpoints } from '@tradestream/stack';
import { CliFailure } from './output/exit-code.ts';
import { projectRoot } from './project-root.ts';

/** The folder of what this checkout remembers. */
export function stateFolder(): string {
  return join(projectRoot(), '.tradestream');
}

/** The gateway that the environment names, else that of the installation that runs in this checkout. */
export async function findGateway(env: NodeJS.ProcessEnv): Promise<GatewayAddress> {
  return find(env, 'TRADESTREAM_GATEWAY_URL', 'gatewayUrl');
}

/** The monitor, found in the same way. */
export async function findMonitor(env: NodeJS.ProcessEnv): Promise<GatewayAddress> {
  return find(env, 'TRADESTREAM_MONITOR_URL', 'monitorUrl');
}

function find(env: NodeJS.ProcessEnv, variable: string, field: 'gatewayUrl' | 'monitorUrl'): GatewayAddress {
  const endpoints = readEndpoints(projectRoot());
  const token = env['TRADESTREAM_TOKEN'] ?? endpoints?.tokens?.operator;
  const url = env[variable] ?? endpoints?.[field];
  if (url === undefined || url === '') {
    throw new CliFailure(`nothing runs in this checkout: start it with \`npm start\`, or set ${variable}`);
  }
  return { url, ...(token === undefined ? {} : { token }) };
}
