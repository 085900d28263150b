import type { Findings } from './finding.ts';
import { askRedis } from './redis-connection.ts';

const VERSION_MIN = '6.2';

/** Jobs wait in Redis: what it evicts or forgets is enqueued again by a sweep, late. */
export async function examineRedis(findings: Findings, url: string): Promise<void> {
  const [server, policy, appendOnly] = await askRedis(url, [
    ['INFO', 'server'],
    ['CONFIG', 'GET', 'maxmemory-policy'],
    ['CONFIG', 'GET', 'appendonly'],
  ]);
  findings.ok('reachable', 'answers');
  const version = /redis_version:(\S+)/.exec(server?.[0] ?? '')?.[1] ?? 'unknown';
  if (isAtLeast(version, VERSION_MIN)) findings.ok('version', `Redis ${version}`);
  else findings.fail('version', `Redis ${version}`, `use Redis ${VERSION_MIN} or later: jobs are moved by its scripts`);
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

/** Compares the first two numbers. */
function isAtLeast(version: string, least: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [leastMajor = 0, leastMinor = 0] = least.split('.').map(Number);
  return major > leastMajor || (major === leastMajor && minor >= leastMinor);
}
