import { mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createLogger } from '@tradestream/runtime';
import { SERVICE_NAMES } from '@tradestream/stack';
import { runB0 } from './scenarios/b0.ts';
import { runB1 } from './scenarios/b1.ts';
import { runB2 } from './scenarios/b2.ts';
import { runB3 } from './scenarios/b3.ts';
import { runB7 } from './scenarios/b7.ts';
import { runB11 } from './scenarios/b11.ts';
import type { Report, Scenario } from './scenarios/scenario.ts';
import { runToolkit } from './scenarios/toolkit.ts';
import { TOPOLOGIES } from './scenarios/topology.ts';

const SCENARIOS: Readonly<Record<string, Scenario>> = {
  B0: runB0,
  B1: runB1,
  B2: runB2,
  B3: runB3,
  B7: runB7,
  B11: runB11,
  toolkit: runToolkit,
};

const USAGE = 2;

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      output: { type: 'string', short: 'o', default: 'table' },
      services: { type: 'string', default: SERVICE_NAMES.join(',') },
      profile: { type: 'string' },
      commands: { type: 'string', default: '300000' },
      topology: { type: 'string', default: 'default,alone' },
    },
  });
  const [name = ''] = positionals;
  const scenario = Object.hasOwn(SCENARIOS, name) ? SCENARIOS[name] : undefined;
  if (scenario === undefined || positionals.length !== 1) {
    process.stderr.write(
      `usage: npm run bench -- SCENARIO [-o json]\nscenarios: ${Object.keys(SCENARIOS).join(', ')}\n`,
    );
    return USAGE;
  }
  const wanted = values.services.split(',');
  const logFolder = mkdtempSync(join(tmpdir(), 'tradestream-bench-'));
  const profileFolder = values.profile ?? null;
  if (profileFolder !== null) mkdirSync(profileFolder, { recursive: true });
  process.stderr.write(`logs of the services: ${logFolder}\n`);
  const startedMs = performance.now();
  const note = (text: string) =>
    process.stderr.write(`${((performance.now() - startedMs) / 1_000).toFixed(0).padStart(4)} s  ${text}\n`);
  const report = await scenario({
    log: createLogger({ service: 'bench', level: 'warn' }),
    logFolder,
    services: SERVICE_NAMES.filter((service) => wanted.includes(service)),
    profileFolder,
    commandCount: Number(values.commands),
    topologies: TOPOLOGIES.filter((topology) => values.topology.split(',').includes(topology)),
    note,
  });
  if (values.output === 'json') process.stdout.write(`${JSON.stringify(report.json)}\n`);
  process.stderr.write(tableOf(report));
  note('done');
  return 0;
}

function tableOf(report: Report): string {
  const width = Math.max(...report.rows.map(([label]) => label.length)) + 2;
  return report.rows.map(([label, value]) => `${label.padEnd(width)}${value}\n`).join('');
}

process.exitCode = await main();
