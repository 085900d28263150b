import { runService } from '@tradestream/runtime';
import { composeWorker } from './compose.ts';
import { WORKER_SPEC } from './config.ts';

await runService({
  name: 'worker',
  spec: WORKER_SPEC,
  prefix: 'TRADESTREAM_WORKER_',
  drainMs: (config) => config.TRADESTREAM_WORKER_DRAIN_MS,
  start: composeWorker,
});
