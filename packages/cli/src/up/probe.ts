import { errorOf } from '@tradestream/runtime';

const PROBE_TIMEOUT_MS = 2_000;

type Probe = { readonly isReady: boolean; readonly waitingFor: string };

/** What `/readyz` says. */
export async function probe(url: string): Promise<Probe> {
  try {
    const response = await fetch(new URL('/readyz', url), { signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) });
    const body = (await response.json()) as {
      readonly parts?: readonly { part: string; ok: boolean; detail: string }[];
    }; // its own shape
    const missing = (body.parts ?? []).filter(({ ok }) => !ok).map(({ part, detail }) => `${part}: ${detail}`);
    return { isReady: response.status === 200, waitingFor: missing.join('; ') };
  } catch (error) {
    return { isReady: false, waitingFor: errorOf(error).message };
  }
}
