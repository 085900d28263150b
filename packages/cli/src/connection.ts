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
  const given = env['TRADESTREAM_GATEWAY_URL'];
  const endpoints = readEndpoints(projectRoot());
  const token = env['TRADESTREAM_TOKEN'] ?? endpoints?.tokens?.operator;
  const url = given ?? endpoints?.gatewayUrl;
  if (url === undefined || url === '') {
    throw new CliFailure('nothing runs in this checkout: start it with `npm start`, or set TRADESTREAM_GATEWAY_URL');
  }
  return { url, ...(token === undefined ? {} : { token }) };
}
