import { ensureInstalled, runNode } from './project.mjs';

await ensureInstalled();
process.exitCode = await runNode(['bench/src/main.ts', ...process.argv.slice(2)]);
