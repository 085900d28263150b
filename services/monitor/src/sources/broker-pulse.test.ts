import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { expect, test } from 'vitest';
import { BrokerPulse } from './broker-pulse.ts';

/** Accepts connections and says nothing, as a broker does that is frozen, or waits for a processor. */
async function openSilent() {
  const server = createServer(() => undefined).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, server }; // it listens on a port
}

async function freeAddress(): Promise<string> {
  const { address, server } = await openSilent();
  server.close();
  await once(server, 'close');
  return address;
}

test('a broker that answers is up, whether anybody listens at its addresses or not', async () => {
  const pulse = new BrokerPulse({ ask: async () => 'cluster', addresses: [await freeAddress()] });
  expect(await pulse.feel()).toEqual({ up: true, detail: '' });
});

test('one that nobody listens for is down before the request has ended, and there is one request at a time', async () => {
  const answer = Promise.withResolvers<string>();
  let asked = 0;
  const ask = () => {
    asked += 1;
    return answer.promise;
  };
  const pulse = new BrokerPulse({ ask, addresses: [await freeAddress()] });
  expect(await pulse.feel()).toMatchObject({ up: false });
  expect(await pulse.feel()).toMatchObject({ up: false });
  expect(asked).toBe(1);
  answer.resolve('cluster');
  expect(await pulse.feel()).toMatchObject({ up: true });
});

test('while one address accepts, what counts is whether the request is answered', async () => {
  const { address, server } = await openSilent();
  const answer = Promise.withResolvers<string>();
  const pulse = new BrokerPulse({ ask: () => answer.promise, addresses: [await freeAddress(), address] });
  const felt = pulse.feel();
  await once(server, 'connection');
  answer.resolve('late');
  expect(await felt).toEqual({ up: true, detail: '' });
  const silent = new BrokerPulse({
    ask: async () => {
      await once(server, 'connection');
      throw new Error('nothing came');
    },
    addresses: [address],
  });
  await expect(silent.feel()).rejects.toThrow('nothing came');
  server.close();
});
