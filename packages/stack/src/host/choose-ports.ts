import { randomInt } from 'node:crypto';
import { createServer, type Server } from 'node:net';
import { StackError } from '../errors.ts';

// Below the range from which Linux gives ports to outgoing connections: one of those cannot take
// a port between its choice and its use.
const PORT_MIN = 18_000;
const PORT_MAX = 32_000;
const ATTEMPTS_MAX = 200;

/**
 * That many different ports on 127.0.0.1, free at this moment.
 * @throws {StackError} STACK_PORT_TAKEN
 */
export async function chooseFreePorts(count: number): Promise<readonly number[]> {
  const held: Server[] = [];
  const ports: number[] = [];
  try {
    for (let attempt = 0; ports.length < count; attempt += 1) {
      if (attempt === ATTEMPTS_MAX) throw new StackError('STACK_PORT_TAKEN', { context: { attempts: attempt } });
      const port = randomInt(PORT_MIN, PORT_MAX);
      const server = await holdPort(port);
      if (server === null) continue;
      held.push(server);
      ports.push(port);
    }
  } finally {
    await Promise.all(held.map((server) => new Promise((resolve) => server.close(resolve))));
  }
  return ports;
}

export async function isPortFree(port: number): Promise<boolean> {
  const server = await holdPort(port);
  if (server === null) return false;
  await new Promise((resolve) => server.close(resolve));
  return true;
}

async function holdPort(port: number): Promise<Server | null> {
  return await new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(null));
    server.listen({ host: '127.0.0.1', port, exclusive: true }, () => resolve(server));
  });
}
