import { expect, test } from 'vitest';
import { AnswerWindow } from './answer-window.ts';

test('answers keep the order of the questions, whichever is ready first', async () => {
  const window = new AnswerWindow<string>(10);
  const first = Promise.withResolvers<string>();
  window.add(first.promise);
  window.add(Promise.resolve('second'));
  window.end();
  first.resolve('first');
  const answers: string[] = [];
  for await (const answer of window.answers()) answers.push(answer);
  expect(answers).toEqual(['first', 'second']);
});

test('the asking side waits while the window is full', async () => {
  const window = new AnswerWindow<number>(2);
  window.add(Promise.resolve(1));
  window.add(Promise.resolve(2));
  let hasRoom = false;
  const room = window.room().then((open) => {
    hasRoom = open;
  });
  await Promise.resolve();
  expect(hasRoom).toBe(false);
  const answers = window.answers();
  await answers.next();
  await room;
  expect(hasRoom).toBe(true);
  await answers.return(undefined);
});

test('a taker that leaves tells the asking side', async () => {
  const window = new AnswerWindow<number>(1);
  window.add(Promise.resolve(1));
  window.add(Promise.resolve(2));
  const room = window.room();
  for await (const answer of window.answers()) {
    expect(answer).toBe(1);
    break;
  }
  expect(await room).toBe(false);
});

test('a failure comes after the answers that were before it', async () => {
  const window = new AnswerWindow<number>(5);
  window.add(Promise.resolve(1));
  window.end(new Error('the stream broke'));
  const answers = window.answers();
  expect((await answers.next()).value).toBe(1);
  await expect(answers.next()).rejects.toThrow('the stream broke');
});
