import { StackError } from '../errors.ts';
import type { Stack, StackOptions } from '../stack.ts';
import type { GivenEndpoints } from '../stack-mode.ts';

export async function openContainers(_options: StackOptions, _given: GivenEndpoints): Promise<Stack> {
  throw new StackError('STACK_CONTAINERS_FAILED');
}
