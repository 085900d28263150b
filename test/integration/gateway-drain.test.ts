import { once } from 'node:events';
import { expect, inject, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { call, openGatewayWorld, post, ready } from '../support/gateway-world.ts';

test('told to stop, the gateway answers what waits, takes no more, and ends with 0', async () => {
  await using world = await openGatewayWorld(inject('endpoints'), 'gateway-drain', 1);
  const stopping = await world.startGateway();
  await ready(stopping);
  const commands = `${stopping.url}/v1/commands`;
  const deposit = { type: 'DepositFunds', userId: 'last', asset: 'USD', amount: '1' };
  const order: string[] = [];
  // No worker runs, so this waits to its end.
  const waiting = post(`${commands}?wait=applied&timeoutMs=4000`, deposit).finally(() => order.push('answered'));
  await eventually(
    async () => /gateway_published_total\{[^}]*\} 1/.test((await call(`${stopping.url}/metrics`)).text),
    { withinMs: 60_000 },
  );
  const exited = once(stopping.child, 'exit');
  stopping.child.kill('SIGTERM');
  await eventually(
    async () => {
      const late = await post(commands, deposit).catch(() => null);
      return late === null || late.body['code'] === 'SHUTTING_DOWN';
    },
    { withinMs: 60_000, everyMs: 20 },
  );
  order.push('refused');
  expect(await waiting).toMatchObject({ status: 504, body: { code: 'WAIT_TIMEOUT' } });
  expect(order).toEqual(['refused', 'answered']);
  expect(await exited).toEqual([0, null]);
});
