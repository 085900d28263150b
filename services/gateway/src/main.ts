import { runService } from '@tradestream/runtime';
import { composeGateway } from './compose.ts';
import { GATEWAY_SPEC } from './config.ts';

await runService({
  name: 'gateway',
  spec: GATEWAY_SPEC,
  prefix: 'TRADESTREAM_GATEWAY_',
  drainMs: 15_000,
  start: composeGateway,
});
