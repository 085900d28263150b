import { ensureInstalled, runNode } from './project.mjs';

// Worlds in memory, by their seeds: see docs/simulation.md.

await ensureInstalled();
process.exitCode = await runNode(['test/simulation/main.ts', ...process.argv.slice(2)]);
