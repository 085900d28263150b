import { setInterval, setTimeout } from 'node:timers';
import { int, oneOf, RuntimeError, runService, secret } from '@tradestream/runtime';

/** A service whose way of starting and ending is a setting: what tests of a process's life run. */
await runService({
  name: 'fixture',
  prefix: 'FIXTURE_',
  spec: {
    FIXTURE_START: oneOf(['at-once', 'waits', 'deaf', 'refuses'], { doc: 'how it starts', fallback: 'at-once' }),
    FIXTURE_CLOSE: oneOf(['at-once', 'hangs', 'fails'], { doc: 'how it ends', fallback: 'at-once' }),
    FIXTURE_AFTER: oneOf(['runs', 'fails', 'throws', 'rejects'], { doc: 'what it does then', fallback: 'runs' }),
    FIXTURE_DRAIN_MS: int({ doc: 'longest drain, ms', min: 1, max: 600_000, fallback: 600_000 }),
    FIXTURE_SECRET: secret({ doc: 'never shown', charactersMin: 4, fallback: '' }),
  },
  drainMs: (config) => config.FIXTURE_DRAIN_MS,
  start: async (config, { log, stopping, fail }) => {
    const alive = setInterval(() => undefined, 1_000);
    if (config.FIXTURE_START === 'refuses') throw new TypeError('cannot start');
    if (config.FIXTURE_START === 'deaf' || config.FIXTURE_START === 'waits') {
      log.info('fixture_starting');
      await new Promise<void>((_resolve, reject) => {
        if (config.FIXTURE_START === 'deaf') return;
        stopping.addEventListener('abort', () => reject(new RuntimeError('RT_ABORTED')));
      });
    }
    setTimeout(() => {
      if (config.FIXTURE_AFTER === 'fails') fail(new Error('beyond mending'));
      if (config.FIXTURE_AFTER === 'throws') throw new TypeError('a bug');
      if (config.FIXTURE_AFTER === 'rejects') void Promise.reject(new TypeError('a bug'));
    }, 0);
    return {
      close: async () => {
        log.info('fixture_closing');
        if (config.FIXTURE_CLOSE === 'fails') throw new Error('cannot close');
        if (config.FIXTURE_CLOSE === 'hangs') await new Promise(() => undefined);
        clearInterval(alive);
      },
    };
  },
});
