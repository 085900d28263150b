import { createLogger } from '@tradestream/runtime';
import { expect, test } from 'vitest';
import type { Alert } from '../alerts/alert.ts';
import { MonitorError } from '../errors.ts';
import { Receiver } from './receiver.ts';

const log = createLogger({ service: 'receiver', level: 'silent' });
const alert = (fingerprint: string): Alert => ({
  fingerprint,
  name: 'ReplicaDown',
  severity: 'warning',
  state: 'firing',
  summary: '',
  runbook: '',
  startsAt: '2026-01-01T00:00:00.000Z',
  endsAt: null,
  labels: {},
});
const idOf = ([first]: readonly Alert[]) => first?.fingerprint ?? '';

test('of what waits for a receiver that is away the oldest is given up beyond a bound, and the rest arrives in order', async () => {
  const open = Promise.withResolvers<void>();
  const sent: string[] = [];
  const last = Promise.withResolvers<void>();
  const receiver = new Receiver({
    name: 'hook',
    log,
    send: async (alerts) => {
      await open.promise;
      sent.push(idOf(alerts));
    },
    onDelivered: (_, alerts) => {
      if (idOf(alerts) === '1002') last.resolve();
    },
  });
  for (let index = 1; index <= 1_002; index += 1) receiver.notify([alert(String(index))]);
  expect(receiver.isIdle).toBe(false);
  open.resolve();
  await last.promise;
  // The first was on its way already.
  expect(sent).toEqual(['1', ...Array.from({ length: 1_000 }, (_, index) => String(index + 3))]);
  await receiver.close();
});

test('a failure is tried again until it is taken; what is refused for good is not, and holds up nothing', async () => {
  const tries: string[] = [];
  const delivered: string[] = [];
  const last = Promise.withResolvers<void>();
  const receiver = new Receiver({
    name: 'hook',
    log,
    send: async (alerts) => {
      const id = idOf(alerts);
      tries.push(id);
      if (id === 'refused') throw new MonitorError('RECEIVER_REFUSED', { detail: 'no' });
      if (id === 'late' && tries.filter((each) => each === id).length === 1)
        throw new MonitorError('RECEIVER_FAILED', { detail: 'later' });
    },
    onDelivered: (name, alerts) => {
      delivered.push(`${name} ${idOf(alerts)}`);
      if (idOf(alerts) === 'last') last.resolve();
    },
  });
  for (const id of ['refused', 'late', 'last']) receiver.notify([alert(id)]);
  await last.promise;
  expect(tries).toEqual(['refused', 'late', 'late', 'last']);
  expect(delivered).toEqual(['hook late', 'hook last']);
  await receiver.close();
});

test('closing waits for no receiver that is away', async () => {
  const receiver = new Receiver({
    name: 'hook',
    log,
    send: async () => {
      throw new MonitorError('RECEIVER_FAILED', { detail: 'away' });
    },
    onDelivered: () => undefined,
  });
  receiver.notify([alert('1')]);
  await receiver.close();
  expect(receiver.isIdle).toBe(false);
});
