import { expect, inject, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { openLedgerWorld } from '../support/ledger-world.ts';
import { startMonitor } from '../support/monitor-process.ts';
import { runCli } from '../support/run-cli.ts';
import { ScriptedConsumer } from '../support/scripted-consumer.ts';

const WITHIN_MS = 60_000;

test('the command line shows lag by group and partition, fails over a limit, and says what is not well', async () => {
  await using world = await openLedgerWorld(inject('endpoints'), 'monitor-cli', 1);
  const group = world.group('shown');
  const topic = world.topics.commands;
  const consumer = await ScriptedConsumer.open(world.kafka, { group, topic });
  await world.producer.send(topic, [{ partition: 0, key: null, value: Buffer.from('1') }]);
  await eventually(() => consumer.committed === 1, { withinMs: WITHIN_MS });
  consumer.getStuck();
  await world.producer.send(topic, [{ partition: 0, key: null, value: Buffer.from('2') }]);
  await using monitor = await startMonitor(
    world.env({
      TRADESTREAM_MONITOR_DATABASE_URL: world.database.serviceUrls.monitor,
      TRADESTREAM_MONITOR_COLLECT_INTERVAL_MS: '250',
    }),
  );
  await monitor.partition(group, ({ state }) => state === 'STALL', WITHIN_MS);

  const table = await runCli(monitor, ['lag', group]);
  expect(table.exitCode).toBe(0);
  expect(table.out).toMatch(/TOPIC +PARTITION +CURRENT-OFFSET +LOG-START-OFFSET +LOG-END-OFFSET +LAG/);
  expect(table.out).toMatch(new RegExp(`${topic} +0 +1 +0 +2 +1 +[0-9.]+ +STALL +\\S+ +scripted`));
  const json = await runCli(monitor, ['lag', group, '-o', 'json', '--fail-over', '0']);
  expect(JSON.parse(json.out)).toMatchObject({ group, totalLag: 1, verdict: 'STALL' });
  expect(json).toMatchObject({ exitCode: 3 });
  expect(await runCli(monitor, ['lag', group, '--fail-over', '1'])).toMatchObject({ exitCode: 0 });
  expect(await runCli(monitor, ['lag', 'no-such-group'])).toMatchObject({ exitCode: 1 });

  const health = await runCli(monitor, ['health']);
  expect(health.exitCode).toBe(3);
  expect(health.out).toMatch(/node primary +ok/);
  expect(health.out).toMatch(new RegExp(`group ${group} +NOT OK +STALL`));

  const alerts = await eventually(
    async () => {
      const ran = await runCli(monitor, ['alerts', '-o', 'json']);
      return ran.out.includes(group) ? ran : false;
    },
    { withinMs: WITHIN_MS },
  );
  expect(alerts).toMatchObject({ exitCode: 3, err: expect.stringMatching(/\d+ alerts fire/) });
  await consumer.close();
});
