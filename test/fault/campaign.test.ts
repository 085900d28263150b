import { verifyDeep } from '@tradestream/verify';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type CampaignReport, runCampaign } from './campaign/run-campaign.ts';
import { DRIVERS } from './drivers/all-drivers.ts';
import { openRig } from './rig/open-rig.ts';
import type { Rig } from './rig/rig.ts';

const SEEDS = 25;
const HITS_MIN = 5;

let rig: Rig;
let report: CampaignReport;

beforeAll(async () => {
  rig = await openRig('campaign');
}, 400_000);
afterAll(async () => {
  await rig?.[Symbol.asyncDispose]();
}, 120_000);

test('under faults of every kind no acknowledged command is lost or done twice', async () => {
  const onSeed = (line: string) => process.stderr.write(`${line}\n`);
  report = await runCampaign(rig, { firstSeed: 1, seeds: SEEDS, drivers: DRIVERS, onSeed });
  process.stderr.write(`${JSON.stringify({ ...report, failures: undefined }, null, 2)}\n`);
  expect(report.failures).toEqual([]);
  expect(report).toMatchObject({ seeds: SEEDS, lost: 0, doubled: 0 });
  expect(report.commands).toBeGreaterThanOrEqual(SEEDS * 2_000);
  // A load that is refused would prove little, and so would a session that never reads.
  expect(report.applied / report.commands).toBeGreaterThan(0.6);
  expect(report.sessionReads).toBeGreaterThan(SEEDS * 5);
}, 1_200_000);

test('every kind of fault did harm, five times or more', () => {
  const seldom = Object.entries(report.faults).filter(([, hits]) => hits < HITS_MIN);
  expect(seldom).toEqual([]);
  // A kind that this machine cannot do is said, never passed over.
  expect(Object.keys(report.faults).length + Object.keys(report.skipped).length).toBe(DRIVERS.length);
});

test('journal, log, ledger, topic, answers and the views of every node agree', async () => {
  const { world, gatewayUrl, endpoints } = rig;
  const found = await verifyDeep(
    { ...endpoints, gateway: { url: gatewayUrl } },
    { signal: AbortSignal.timeout(120_000), topicPrefix: world.group(''), journal: report.journal },
  );
  process.stderr.write(
    `${found.rules.map(({ rule, name, state, detail }) => `${rule} ${name}: ${state}, ${detail}`).join('\n')}\n`,
  );
  expect(found.contradictions).toEqual([]);
  const checked = found.rules.filter(({ state }) => state === 'holds').map(({ rule }) => rule);
  expect(checked).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
}, 150_000);
