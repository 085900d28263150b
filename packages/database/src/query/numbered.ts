import type { Fragment } from './fragment.ts';
import { invalidQuery } from './invalid-query.ts';
import type { BuiltQuery } from './types.ts';

/** PostgreSQL's protocol counts parameters in 16 bits. */
const VALUES_MAX = 65_535;

/** The text with `$1`, `$2`, ... where values stand. @throws {DatabaseError} DB_QUERY_INVALID */
export function numbered<Row>({ texts, values }: Fragment): BuiltQuery<Row> {
  if (values.length > VALUES_MAX) throw invalidQuery(`${values.length} values, and at most ${VALUES_MAX} can be sent`);
  const text = texts.map((each, index) => (index === 0 ? each : `$${index}${each}`)).join('');
  return { text, values };
}
