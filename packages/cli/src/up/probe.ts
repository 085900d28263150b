import { errorOf, type ReadinessPart } from '@tradestream/runtime';

const PROBE_TIMEOUT_MS = 2_000;

type Probe = { readonly isReady: boolean; readonly waitingFor: string };

/** What `/readyz` says. */
export async function probe(url: string): Promise<Probe> {
  try {
    const response = await fetch(new URL('/readyz', url), { signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) });
    const { parts = [] } = (await response.json()) as { readonly parts?: readonly ReadinessPart[] }; // its own shape
    const missing = parts.filter(({ ok, needed }) => !ok && needed !== false);
    return {
      isReady: response.status === 200,
      waitingFor: missing.map(({ part, detail }) => `${part}: ${detail}`).join('; '),
    };
  } catch (error) {
    return { isReady: false, waitingFor: errorOf(error).message };
  }
}
