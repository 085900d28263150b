import { type Verification, type VerifyOptions, verifyInstallation } from '@tradestream/verify';
import type { LedgerWorld } from './ledger-world.ts';

const VERIFY_MS = 60_000;

/** Every invariant over a world's ledger, logs and views, while it runs. */
export async function verifyWorld(
  world: LedgerWorld,
  options: Pick<VerifyOptions, 'fromSnapshot'> = {},
): Promise<Verification> {
  const { endpoints, url } = world.database;
  const signal = AbortSignal.timeout(VERIFY_MS);
  return await verifyInstallation(
    { ...endpoints, databaseUrl: url },
    { ...options, signal, topicPrefix: world.group('') },
  );
}
