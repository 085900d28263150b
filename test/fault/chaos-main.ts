import { parseArgs } from 'node:util';
import { verifyDeep } from '@tradestream/verify';
import { runLongOutages } from './campaign/long-outages.ts';
import { runCampaign } from './campaign/run-campaign.ts';
import { DRIVERS } from './drivers/all-drivers.ts';
import { runHarmedIsolation } from './isolation/run-harmed-isolation.ts';
import { openRig } from './rig/open-rig.ts';

const USAGE = `usage: npm run chaos -- [--seeds N] [--minutes M] [--from SEED] [--long | --isolation] [-o json]
  --seeds N      seeds to run, each with 2,000 commands and its faults (default 25)
  --minutes M    no seed begins after this
  --from SEED    the first seed; a failing seed alone: --from SEED --seeds 1 (default: by the clock)
  --long         the database away for 2 minutes, then the registry for 1, under load, instead of seeds
  --isolation    trades by HTTP and readers on every node under faults, the history held against the promised level
                 by adya (a Rust program, built with cargo where it is not installed), instead of seeds
  -o json        the report as one JSON object on standard output
`;
const VERIFY_MS = 600_000;
/** Names of accounts and assets have room for so many digits. */
const SEEDS_MAX = 1_000_000;

process.exitCode = await main();

async function main(): Promise<number> {
  const options = readOptions();
  if (options === null) {
    process.stderr.write(USAGE);
    return 2;
  }
  const { seeds, minutes, from, long, isolation, json } = options;
  const note = (line: string) => process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${line}\n`);
  await using rig = await openRig('chaos');
  note(`the installation is up; logs of its services are in ${rig.world.logFolder}`);
  const deadlineMs = performance.now() + (minutes ?? Number.POSITIVE_INFINITY) * 60_000;
  const ran = isolation
    ? await runHarmedIsolation(rig, { from, deadlineMs, seeds, note })
    : long
      ? await runLongOutages(rig, note)
      : await runCampaign(rig, { firstSeed: from, seeds, drivers: DRIVERS, deadlineMs, onSeed: note });
  note('every node is verified');
  const verification = await verifyDeep(
    { ...rig.endpoints, gateway: { url: rig.gatewayUrl } },
    {
      signal: AbortSignal.timeout(VERIFY_MS),
      topicPrefix: rig.world.group(''),
      ...('journal' in ran ? { journal: ran.journal } : {}),
    },
  );
  const failures = [...ran.failures, ...verification.contradictions];
  const report = { ok: failures.length === 0, ...ran, failures, rules: verification.rules };
  if (json) process.stdout.write(`${JSON.stringify(report)}\n`);
  for (const [name, value] of Object.entries(report)) {
    if (name === 'rules' || name === 'failures') continue;
    process.stderr.write(`${name.padEnd(14)}${typeof value === 'object' ? JSON.stringify(value) : String(value)}\n`);
  }
  for (const { rule, name, state, detail } of report.rules)
    process.stderr.write(`rule ${rule}: ${name}: ${state}, ${detail}\n`);
  for (const failure of failures) process.stderr.write(`FAILED ${failure}\n`);
  return report.ok ? 0 : 1;
}

function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        seeds: { type: 'string', default: '25' },
        minutes: { type: 'string' },
        from: { type: 'string', default: String(1 + (Math.floor(Date.now() / 1_000) % (SEEDS_MAX / 2))) },
        long: { type: 'boolean', default: false },
        isolation: { type: 'boolean', default: false },
        output: { type: 'string', short: 'o', default: 'table' },
      },
    });
    const seeds = Number(values.seeds);
    const from = Number(values.from);
    const minutes = values.minutes === undefined ? null : Number(values.minutes);
    const isRange =
      Number.isInteger(seeds) && Number.isInteger(from) && seeds >= 1 && from >= 1 && from + seeds < SEEDS_MAX;
    if (!isRange || (minutes !== null && !(minutes > 0)) || !['table', 'json'].includes(values.output)) return null;
    return { seeds, from, minutes, long: values.long, isolation: values.isolation, json: values.output === 'json' };
  } catch {
    return null;
  }
}
