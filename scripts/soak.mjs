import { ensureInstalled, runNode } from './project.mjs';

await ensureInstalled();
process.exitCode = await runNode(['test/fault/soak-main.ts', ...process.argv.slice(2)]);
