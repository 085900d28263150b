import { z } from 'zod';
import { badRequest } from './problems.ts';

/**
 * The query parameters as the schema describes them.
 * @throws {HttpProblem} 400 INVALID_PARAMETER naming the first parameter that is unknown or out of
 * its rule
 */
export function readQuery<Schema extends z.ZodType>(schema: Schema, query: unknown): z.output<Schema> {
  const read = schema.safeParse(query);
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  if (issue?.code === 'unrecognized_keys')
    throw badRequest('INVALID_PARAMETER', issue.keys[0] ?? '', 'unknown parameter');
  throw badRequest('INVALID_PARAMETER', issue?.path.join('.') ?? '', issue?.message ?? 'invalid');
}

/** A whole number in decimal digits, within its range. */
export function count(options: {
  readonly min: number;
  readonly max: number;
  readonly fallback: number;
  readonly doc: string;
}) {
  const { min, max, fallback, doc } = options;
  const rule = `a whole number from ${min} to ${max}`;
  return z
    .string({ error: rule })
    .regex(/^\d{1,9}$/, { error: rule })
    .refine((text) => Number(text) >= min && Number(text) <= max, { error: rule })
    .optional()
    .transform((text) => (text === undefined ? fallback : Number(text)))
    .meta({ description: `${doc}; default ${fallback}`, type: 'integer', minimum: min, maximum: max });
}

/** Text of a form. */
export function matching(pattern: RegExp, rule: string, doc: string) {
  return z.string({ error: rule }).regex(pattern, { error: rule }).meta({ description: doc });
}
