import { expect, test } from 'vitest';
import { type Closeable, Scope } from './scope.ts';

function recorder() {
  const closed: string[] = [];
  const resource = (name: string, failure?: Error): Closeable & { readonly name: string } => ({
    name,
    close: async () => {
      await Promise.resolve();
      closed.push(name);
      if (failure !== undefined) throw failure;
    },
  });
  return { closed, resource };
}

test('resources are given back in reverse order, one after the other', async () => {
  const { closed, resource } = recorder();
  const scope = new Scope();
  scope.use(resource('first'));
  scope.defer('second', () => {
    closed.push('second');
  });
  scope.use(resource('third'));
  await scope.close();
  expect(closed).toEqual(['third', 'second', 'first']);
});

test('what is used is handed through', () => {
  const resource = recorder().resource('one');
  expect(new Scope().use(resource)).toBe(resource);
});

test('one that fails to close keeps no other from it, and the first failure is thrown', async () => {
  const { closed, resource } = recorder();
  const scope = new Scope();
  scope.use(resource('first', new Error('of the first')));
  scope.use(resource('second'));
  scope.use(resource('third', new Error('of the third')));
  await expect(scope.close()).rejects.toThrow('of the third');
  expect(closed).toEqual(['third', 'second', 'first']);
});

test('closing twice closes once, and the second waits for the first', async () => {
  const { closed, resource } = recorder();
  const scope = new Scope();
  scope.use(resource('one'));
  await Promise.all([scope.close(), scope.close()]);
  await scope.close();
  expect(closed).toEqual(['one']);
});

test('await using closes the scope, also when the block throws', async () => {
  const { closed, resource } = recorder();
  const work = async () => {
    await using scope = new Scope();
    scope.use(resource('one'));
    throw new Error('in the block');
  };
  await expect(work()).rejects.toThrow('in the block');
  expect(closed).toEqual(['one']);
});
