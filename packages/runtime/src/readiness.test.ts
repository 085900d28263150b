import { expect, test } from 'vitest';
import { Readiness } from './readiness.ts';

test('what has named no part is not ready', () => {
  expect(new Readiness().snapshot()).toEqual({ ready: false, parts: [] });
});

test('all parts together are ready, and each says why it is not', () => {
  const readiness = new Readiness();
  readiness.set('database', true);
  readiness.set('broker', false, 'no answer');
  expect(readiness.snapshot()).toEqual({
    ready: false,
    parts: [
      { part: 'database', ok: true, detail: '' },
      { part: 'broker', ok: false, detail: 'no answer' },
    ],
  });
  readiness.set('broker', true);
  expect(readiness.snapshot()).toMatchObject({ ready: true });
});
