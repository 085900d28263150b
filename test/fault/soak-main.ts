import { parseArgs } from 'node:util';
import { runSoak } from './soak/run-soak.ts';

const USAGE = `usage: npm run soak -- [--minutes M] [-o json]
  --minutes M    normal load with pauses for so long (default 30)
  -o json        the report as one JSON object on standard output
`;

process.exitCode = await main();

async function main(): Promise<number> {
  const options = readOptions();
  if (options === null) {
    process.stderr.write(USAGE);
    return 2;
  }
  const note = (line: string) => process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${line}\n`);
  const report = await runSoak({ minutes: options.minutes, note });
  if (options.json) process.stdout.write(`${JSON.stringify(report)}\n`);
  for (const [name, value] of Object.entries(report)) {
    process.stderr.write(`${name.padEnd(16)}${typeof value === 'object' ? JSON.stringify(value) : String(value)}\n`);
  }
  return report.ok ? 0 : 1;
}

function readOptions() {
  try {
    const { values } = parseArgs({
      options: { minutes: { type: 'string', default: '30' }, output: { type: 'string', short: 'o', default: 'table' } },
    });
    const minutes = Number(values.minutes);
    if (!(minutes > 0) || !['table', 'json'].includes(values.output)) return null;
    return { minutes, json: values.output === 'json' };
  } catch {
    return null;
  }
}
