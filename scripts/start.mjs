import { ensureInstalled, runNode } from './project.mjs';

await ensureInstalled();
process.exitCode = await runNode(['packages/cli/bin/tradestream.mjs', 'up', ...process.argv.slice(2)]);
