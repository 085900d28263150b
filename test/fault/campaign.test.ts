import { expect, test } from 'vitest';
import { runCampaign } from './campaign/run-campaign.ts';
import { DRIVERS } from './drivers/all-drivers.ts';
import { openRig } from './rig/rig.ts';

const SEEDS = Number(process.env['SEEDS'] ?? 25);

test('no acknowledged command is lost or done twice', async () => {
  await using rig = await openRig('campaign');
  const report = await runCampaign(rig, {
    firstSeed: 1,
    seeds: SEEDS,
    drivers: DRIVERS,
    onSeed: (line) => process.stderr.write(`${line}\n`),
  });
  process.stderr.write(`${JSON.stringify(report, null, 1)}\n`);
  expect(report.failures).toEqual([]);
}, 900_000);
