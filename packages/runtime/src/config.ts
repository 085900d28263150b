import { RuntimeError } from './errors.ts';
import { redactText } from './log.ts';

/** One setting: how its text is read, and what the generated table says of it. */
export type Setting<T> = {
  readonly doc: string;
  readonly kind: string;
  readonly fallbackText: string;
  readonly secret: boolean;
  /** The value, or the rule that the text breaks. */
  readonly parse: (text: string | undefined) => { readonly value: T } | { readonly rule: string };
};

export type ConfigSpec = Readonly<Record<string, Setting<unknown>>>;
export type ConfigOf<Spec extends ConfigSpec> = {
  readonly [Name in keyof Spec]: Spec[Name] extends Setting<infer T> ? T : never;
};

type Common<T> = { readonly doc: string; readonly fallback?: T };

/** A whole number within its range, bounds included. The unit is part of the setting's name. */
export function int(options: Common<number> & { readonly min: number; readonly max: number }): Setting<number> {
  const rule = `a whole number from ${options.min} to ${options.max}`;
  return setting(options, rule, (text) => {
    const value = /^-?\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    return value >= options.min && value <= options.max ? { value } : { rule };
  });
}

export function text(options: Common<string> & { readonly pattern?: RegExp; readonly rule?: string }): Setting<string> {
  const rule = options.rule ?? 'text';
  return setting(options, rule, (value) => ((options.pattern?.test(value) ?? true) ? { value } : { rule }));
}

export function flag(options: Common<boolean>): Setting<boolean> {
  const rule = '`true` or `false`';
  return setting(options, rule, (value) =>
    value === 'true' ? { value: true } : value === 'false' ? { value: false } : { rule },
  );
}

export function oneOf<const T extends string>(values: readonly T[], options: Common<NoInfer<T>>): Setting<T> {
  const rule = `one of ${values.map((value) => `\`${value}\``).join(', ')}`;
  return setting(options, rule, (given) => {
    const value = values.find((known) => known === given);
    return value === undefined ? { rule } : { value };
  });
}

/** A URL of one of the schemes; a password in it is never shown. */
export function url(schemes: readonly string[], options: Common<string>): Setting<string> {
  const rule = `a URL starting with ${schemes.map((scheme) => `${scheme}://`).join(' or ')}`;
  const read = (value: string) =>
    URL.canParse(value) && schemes.includes(new URL(value).protocol.slice(0, -1)) ? { value } : { rule };
  return { ...setting(options, rule, read), secret: true };
}

/** Values separated by commas; blanks around them are dropped, empty ones refused. */
export function list(
  options: Common<readonly string[]> & { readonly rule?: string; readonly pattern?: RegExp },
): Setting<readonly string[]> {
  const rule = options.rule ?? 'values separated by commas';
  const read = (value: string) => {
    const items = value.split(',').map((item) => item.trim());
    return items.every((item) => item !== '' && (options.pattern?.test(item) ?? true)) ? { value: items } : { rule };
  };
  return { ...setting(options, rule, read), secret: true };
}

export function secret(options: Common<string> & { readonly charactersMin: number }): Setting<string> {
  const rule = `at least ${options.charactersMin} characters`;
  return {
    ...setting(options, rule, (value) => (value.length >= options.charactersMin ? { value } : { rule })),
    secret: true,
  };
}

/**
 * Reads and freezes the configuration.
 * @throws {RuntimeError} RT_CONFIG_INVALID with every problem at once: values out of their rule,
 * missing ones, and names that start with the prefix and are in no specification.
 */
export function readConfig<Spec extends ConfigSpec>(
  spec: Spec,
  env: Readonly<Record<string, string | undefined>>,
  options: { readonly prefix?: string; readonly alsoKnown?: readonly string[] } = {},
): ConfigOf<Spec> {
  const problems: string[] = [];
  const values: Record<string, unknown> = {};
  for (const [name, entry] of Object.entries(spec)) {
    const given = env[name] === '' ? undefined : env[name];
    const read = entry.parse(given);
    if ('value' in read) values[name] = read.value;
    else
      problems.push(
        `${name}: must be ${read.rule}; ${given === undefined ? 'it is not set' : `it is ${shown(entry, given)}`}`,
      );
  }
  const { prefix, alsoKnown = [] } = options;
  if (prefix !== undefined) {
    const known = new Set([...Object.keys(spec), ...alsoKnown]);
    for (const name of Object.keys(env)) {
      if (name.startsWith(prefix) && !known.has(name)) problems.push(`${name}: no setting has this name`);
    }
  }
  if (problems.length > 0) throw new RuntimeError('RT_CONFIG_INVALID', { detail: `\n  ${problems.join('\n  ')}` });
  return Object.freeze(values) as ConfigOf<Spec>; // each value was made by the setting of its name
}

/** The configuration as it may be printed. */
export function redactConfig(spec: ConfigSpec, config: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(config).map(([name, value]) => [name, spec[name]?.secret === true ? hidden(value) : value]),
  );
}

export type SettingRow = {
  readonly name: string;
  readonly rule: string;
  readonly fallback: string;
  readonly doc: string;
};

/** Rows of the generated configuration page. */
export function describeConfig(spec: ConfigSpec): readonly SettingRow[] {
  return Object.entries(spec).map(([name, entry]) => ({
    name,
    rule: entry.kind,
    fallback: entry.fallbackText,
    doc: entry.doc,
  }));
}

function setting<T>(
  options: Common<T>,
  rule: string,
  read: (text: string) => { readonly value: T } | { readonly rule: string },
): Setting<T> {
  const { doc, fallback } = options;
  return {
    doc,
    kind: rule,
    fallbackText: fallback === undefined ? 'required' : String(fallback),
    secret: false,
    parse: (given) => {
      if (given !== undefined) return read(given);
      return fallback === undefined ? { rule } : { value: fallback };
    },
  };
}

function shown(entry: Setting<unknown>, given: string): string {
  return entry.secret ? 'not (its value is not shown)' : JSON.stringify(given.slice(0, 80));
}

function hidden(value: unknown): unknown {
  const texts = Array.isArray(value) ? value.map(String) : [String(value)];
  if (value === undefined || value === '') return '';
  return texts.every((each) => each.includes('://')) || Array.isArray(value)
    ? texts.map(redactText).join(',')
    : '[redacted]';
}
