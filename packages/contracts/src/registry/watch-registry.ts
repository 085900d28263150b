import { type Closeable, type Logger, PartWatch, type Readiness } from '@tradestream/runtime';
import { ContractError } from '../errors.ts';
import type { Schemas } from './schemas.ts';

export type WatchRegistryOptions = {
  readonly schemas: Pick<Schemas, 'schemaText'>;
  /** One that is in use. */
  readonly schemaId: number;
  readonly readiness: Readiness;
  readonly log: Logger;
};

/** Between two looks, ms: nobody waits for it. */
const EVERY_MS = 5_000;

/**
 * For a service that knows its schemas: tells in readiness whether the registry is there and has not forgotten
 * them, until it is closed. What needs it all the same, a schema that is new, says so where it waits.
 */
export function watchRegistry({ schemas, schemaId, readiness, log }: WatchRegistryOptions): Closeable {
  const check = async () => {
    const text = await schemas.schemaText(schemaId);
    if (text === null)
      throw new ContractError('REGISTRY_UNAVAILABLE', { detail: 'it has forgotten a schema', context: { schemaId } });
  };
  return new PartWatch({ part: 'registry', check, isNeeded: false, everyMs: EVERY_MS, readiness, log });
}
