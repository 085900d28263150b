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

test('a part that is not needed is told as it is, and keeps nobody from being ready', () => {
  const readiness = new Readiness();
  readiness.set('database', true);
  readiness.setOptional('registry', false, 'no answer');
  expect(readiness.snapshot()).toEqual({
    ready: true,
    parts: [
      { part: 'database', ok: true, detail: '' },
      { part: 'registry', ok: false, detail: 'no answer', needed: false },
    ],
  });
  readiness.set('registry', false, 'needed again');
  expect(readiness.snapshot()).toMatchObject({ ready: false });
});

test('a part with members is there while each of them is', () => {
  const readiness = new Readiness();
  const isThere = () => readiness.snapshot().parts.find(({ part }) => part === 'broker');
  readiness.setMember('broker', 'consumer', true);
  expect(isThere()).toMatchObject({ ok: true });
  readiness.setMember('broker', 'consumer', false, 'no answer');
  readiness.setMember('broker', 'producer', false, 'no answer either');
  readiness.setMember('broker', 'consumer', true);
  expect(isThere()).toMatchObject({ ok: false });
  readiness.setMember('broker', 'producer', true);
  expect(readiness.snapshot()).toMatchObject({ ready: true });
  expect(readiness.snapshot().parts.map(({ part }) => part)).toEqual([
    'broker: consumer',
    'broker',
    'broker: producer',
  ]);
});
