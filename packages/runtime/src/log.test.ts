import { expect, test } from 'vitest';
import { AppError } from './app-error.ts';
import { createLogger, redactText } from './log.ts';

const TABLE = { T_LOST: { retry: 'later', summary: 'lost', advice: 'look' } } as const;
class LostError extends AppError {}

/** The lines that were written, as objects: each must be JSON. */
function recording(level?: 'debug' | 'silent') {
  const texts: string[] = [];
  const log = createLogger({
    service: 'worker',
    ...(level === undefined ? {} : { level }),
    destination: { write: (line) => texts.push(line) },
  });
  return { log, texts, lines: () => texts.map((line): unknown => JSON.parse(line)) };
}

test('a line carries the event, the service, the level and a time', () => {
  const { log, lines } = recording();
  log.info({ partition: 3 }, 'batch_applied');
  expect(lines()).toEqual([
    {
      event: 'batch_applied',
      service: 'worker',
      level: 'info',
      partition: 3,
      pid: process.pid,
      name: 'worker',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    },
  ]);
});

test('what is below the level is not written', () => {
  const quiet = recording();
  quiet.log.debug('x');
  const loud = recording('debug');
  loud.log.debug('x');
  const silent = recording('silent');
  silent.log.error('x');
  expect([quiet, loud, silent].map(({ texts }) => texts.length)).toEqual([0, 1, 0]);
});

test('an error is written with code, retry class, context and causes, and nothing else of it', () => {
  const { log, lines } = recording();
  const driver = Object.assign(new Error('duplicate key'), {
    detail: 'Key (user)=(alice) exists',
    password: 'hunter2',
  });
  log.error({ error: new LostError(TABLE, 'T_LOST', { cause: driver, context: { waiting: 2 } }) }, 'x');
  expect(lines()).toMatchObject([
    {
      error: {
        type: 'LostError',
        code: 'T_LOST',
        retry: 'later',
        message: 'lost (waiting=2)',
        context: { waiting: 2 },
        stack: expect.stringContaining('LostError'),
        cause: { type: 'Error', message: 'duplicate key' },
      },
    },
  ]);
  expect(JSON.stringify(lines())).not.toMatch(/alice|hunter2/);
});

test('a chain of causes that has no end is cut', () => {
  const { log, texts } = recording();
  const error = new Error('round');
  error.cause = error;
  log.error({ error }, 'x');
  expect(texts[0]?.match(/"round"/g)).toHaveLength(5);
});

test('an error of several parts names each', () => {
  const { log, lines } = recording();
  log.error({ error: new AggregateError([new Error('ECONNREFUSED ::1'), new Error('ECONNREFUSED 127.0.0.1')]) }, 'x');
  expect(lines()).toMatchObject([{ error: { message: 'Error: ECONNREFUSED ::1; Error: ECONNREFUSED 127.0.0.1' } }]);
});

test('what is no Error is written as text', () => {
  const { log, lines } = recording();
  log.error({ error: 'postgres://me:hunter2@db' }, 'x');
  expect(lines()).toMatchObject([{ error: { message: 'postgres://me:[redacted]@db' } }]);
});

test('passwords in URLs are cut wherever they stand in a line, and the line stays JSON', () => {
  const { log, texts, lines } = recording();
  const url = 'postgres://me:hunter2@db:5432/app';
  const error = new Error(`no answer from ${url}`, { cause: new Error(`redis://:hunter2@r:1 and ${url}`) });
  log.error({ error, url, deep: { list: [url] }, plain: 'http://host:80', mail: 'a@b' }, `asked ${url}`);
  expect(texts.join('')).not.toContain('hunter2');
  expect(lines()).toMatchObject([
    {
      url: 'postgres://me:[redacted]@db:5432/app',
      deep: { list: ['postgres://me:[redacted]@db:5432/app'] },
      plain: 'http://host:80',
      mail: 'a@b',
      event: 'asked postgres://me:[redacted]@db:5432/app',
    },
  ]);
});

test('a password is cut with whatever it contains', () => {
  const cut: readonly (readonly [string, string])[] = [
    ['postgres://me:p@ss@db/app', 'postgres://me:[redacted]@db/app'],
    ['postgres://me:p:w@db/app', 'postgres://me:[redacted]@db/app'],
    ['redis://:secret@r', 'redis://:[redacted]@r'],
    ['http://a:b@h1,http://c:d@h2', 'http://a:[redacted]@h1,http://c:[redacted]@h2'],
    ['postgres://db/app?user=me&password=hunter2&x=1', 'postgres://db/app?user=me&password=[redacted]&x=1'],
    ['https://h/p?access_token=abc', 'https://h/p?access_token=[redacted]'],
    ['http://host:8080/a@b', 'http://host:8080/a@b'],
    ['postgres://me@db/app', 'postgres://me@db/app'],
    ['see http://host:80 or mail a@b', 'see http://host:80 or mail a@b'],
  ];
  expect(cut.map(([text]) => redactText(text))).toEqual(cut.map(([, redacted]) => redacted));
});
