import { ensureInstalled, runNode } from './project.mjs';

/** The load generator keeps what it sent: its collector must not take the processors from what is measured. */
const ROOMY = ['--max-semi-space-size=64', '--v8-pool-size=1'];

await ensureInstalled();
process.exitCode = await runNode([...ROOMY, 'bench/src/main.ts', ...process.argv.slice(2)]);
