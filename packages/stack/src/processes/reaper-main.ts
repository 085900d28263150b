import { reapRun } from './reap-runs.ts';

// The watchdog becomes this program when its stack's process is gone.
const file = process.argv[2];
if (file !== undefined) await reapRun(file);
