import { runService } from '@tradestream/runtime';
import { composeMonitor } from './compose.ts';
import { MONITOR_SPEC } from './config.ts';

await runService({
  name: 'monitor',
  spec: MONITOR_SPEC,
  prefix: 'TRADESTREAM_MONITOR_',
  drainMs: 15_000,
  start: composeMonitor,
});
