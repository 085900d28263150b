import { ensureInstalled, runNode } from './project.mjs';

await ensureInstalled();
process.exitCode = await runNode(['test/fault/chaos-main.ts', ...process.argv.slice(2)]);
