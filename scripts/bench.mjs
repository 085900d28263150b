import { ensureInstalled, runNode } from './project.mjs';

/** The load generator keeps what it sent: its collector must not take the processors from what is measured. */
const ROOMY = '--max-semi-space-size=64';

await ensureInstalled();
process.exitCode = await runNode([ROOMY, 'bench/src/main.ts', ...process.argv.slice(2)]);
