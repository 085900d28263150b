import { runService } from '@tradestream/runtime';
import { composeProjector } from './compose.ts';
import { PROJECTOR_SPEC } from './config.ts';

await runService({
  name: 'projector',
  spec: PROJECTOR_SPEC,
  prefix: 'TRADESTREAM_PROJECTOR_',
  drainMs: 15_000,
  start: composeProjector,
});
