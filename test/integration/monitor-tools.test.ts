import { expect, inject, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { describeGroup, startNewProtocolConsumer } from '../support/kafka-tools.ts';
import { monitorOf, openMonitorWorld } from '../support/monitor-world.ts';
import { ScriptedConsumer } from '../support/scripted-consumer.ts';

const WITHIN_MS = 60_000;

test("lag is, by partition, what Kafka's own group tool prints; a group of the new protocol is known as such", async () => {
  await using world = await openMonitorWorld(inject('endpoints'), 'monitor-tools', 1);
  const { kafkaBrokers } = world.database.endpoints;
  const topic = world.topics.commands;
  const record = { partition: 0, key: null, value: Buffer.from('1') };
  await world.producer.send(topic, [record, record, record, record, record]);
  const group = world.group('classic');
  await using consumer = await ScriptedConsumer.open(world.kafka, { group, topic });
  await eventually(() => consumer.committed === 5, { withinMs: WITHIN_MS });
  consumer.getStuck();
  await consumer.commit(2);
  await using monitor = await monitorOf(world);

  const modern = world.group('modern');
  {
    await using _modern = await startNewProtocolConsumer(kafkaBrokers, { topic, group: modern });
    await monitor.partition(group, ({ lag }) => lag === 3, WITHIN_MS);
    await eventually(
      async () => {
        const { state, protocol, totalLag } = await monitor.group(modern);
        return protocol === 'consumer' && state === 'Stable' && totalLag === 0;
      },
      { withinMs: WITHIN_MS },
    );
    expect(await monitor.group(modern)).toMatchObject({ members: null, verdict: 'OK' });
  }
  await world.producer.send(topic, [record]);
  await monitor.partition(modern, ({ lag, state }) => lag === 1 && state === 'STOP', WITHIN_MS);

  for (const each of [group, modern]) {
    const { partitions } = await monitor.group(each);
    const printed = await describeGroup(kafkaBrokers, each);
    expect(printed).toHaveLength(1);
    expect(printed).toEqual(
      partitions.map(({ partition, committed, end, lag }) => ({ topic, partition, committed, end, lag })),
    );
  }
}, 120_000);
