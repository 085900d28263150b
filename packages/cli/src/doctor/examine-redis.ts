import type { Findings } from './finding.ts';
import { askRedis } from './redis-connection.ts';

/** Jobs wait in Redis: what it evicts or forgets is enqueued again by a sweep, late. */
export async function examineRedis(findings: Findings, url: string): Promise<void> {
  const [policy, appendOnly] = await askRedis(url, [
    ['CONFIG', 'GET', 'maxmemory-policy'],
    ['CONFIG', 'GET', 'appendonly'],
  ]);
  findings.ok('reachable', 'answers');
  if (policy?.[1] === 'noeviction') findings.ok('maxmemory-policy', 'noeviction');
  else
    findings.fail(
      'maxmemory-policy',
      policy?.[1] ?? 'unknown',
      'CONFIG SET maxmemory-policy noeviction: jobs would vanish when memory is short',
    );
  if (appendOnly?.[1] === 'yes') findings.ok('appendonly', 'yes');
  else
    findings.warn(
      'appendonly',
      appendOnly?.[1] ?? 'unknown',
      'set appendonly yes: jobs that wait are lost in a restart, until the sweep enqueues them again',
    );
}
