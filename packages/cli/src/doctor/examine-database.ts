import { openSession } from '@tradestream/database';
import { errorOf } from '@tradestream/runtime';
import { type Finding, fail, ok } from './finding.ts';

const CONNECT_TIMEOUT_MS = 5_000;
/** Off, each of them loses what was acknowledged. */
const MUST_BE_ON = ['fsync', 'full_page_writes'] as const;

/** The primary: that it answers, and that its settings keep what it acknowledges. */
export async function examineDatabase(url: string): Promise<readonly Finding[]> {
  try {
    const session = await openSession({
      url,
      applicationName: 'tradestream-doctor',
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
    });
    try {
      const { rows } = await session.query<{ name: string; setting: string }>({
        text: 'SELECT name, setting FROM pg_settings WHERE name = ANY ($1::text[])',
        values: [[...MUST_BE_ON]],
      });
      return rows.map(({ name, setting }) =>
        setting === 'on'
          ? ok(name, setting)
          : fail(name, setting, `set ${name} = on: what was acknowledged is lost in a crash`),
      );
    } finally {
      await session.close();
    }
  } catch (error) {
    return [fail('primary', errorOf(error).message, 'see that PostgreSQL runs and that DATABASE_URL names it')];
  }
}
