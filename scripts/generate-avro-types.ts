import { readFileSync, writeFileSync } from 'node:fs';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/*
 * Makes packages/contracts/src/generated/ from schemas/avro/: the TypeScript types of what the Avro
 * library reads and writes, and the schema itself as text, so that a published package carries it.
 * `node scripts/generate-avro-types.ts` writes; with `--check` it only says what is stale.
 */

type Field = { readonly name: string; readonly type: Schema; readonly doc?: string };
type Named = {
  readonly type: string;
  readonly name?: string;
  readonly namespace?: string;
  readonly doc?: string;
  readonly fields?: readonly Field[];
  readonly symbols?: readonly string[];
  readonly items?: Schema;
  readonly logicalType?: string;
};
type Schema = string | Named | readonly Schema[];

type GeneratedFile = { readonly path: string; readonly text: string };

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const SCHEMAS = ['trade-command', 'trade-event'] as const;
const PRIMITIVES: Readonly<Record<string, string>> = {
  null: 'null',
  boolean: 'boolean',
  int: 'number',
  long: 'bigint',
  float: 'number',
  double: 'number',
  bytes: 'Buffer',
  string: 'string',
};

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (process.argv.includes('--check')) {
    const stale = staleAvroTypes();
    for (const path of stale)
      console.error(`${path} is not what schemas/avro says: run scripts/generate-avro-types.ts`);
    process.exitCode = stale.length === 0 ? 0 : 1;
  } else {
    for (const file of generateAvroTypes()) writeFileSync(`${ROOT}${file.path}`, file.text);
  }
}

/** The generated files that are not, to the last byte, what the schemas give. */
export function staleAvroTypes(): readonly string[] {
  return generateAvroTypes()
    .filter((file) => readIfThere(`${ROOT}${file.path}`) !== file.text)
    .map((file) => file.path);
}

/** Path below the root and text of every generated file. */
export function generateAvroTypes(): readonly GeneratedFile[] {
  return SCHEMAS.map((name) => {
    const source = `schemas/avro/${name}.avsc`;
    const schema = JSON.parse(readFileSync(`${ROOT}${source}`, 'utf8')) as Named; // our own file
    const path = `packages/contracts/src/generated/${name}.ts`;
    return { path, text: fileText({ source, schema, constant: `${name.replace('-', '_').toUpperCase()}_SCHEMA` }) };
  });
}

function fileText(options: { readonly source: string; readonly schema: Named; readonly constant: string }): string {
  const { source, schema, constant } = options;
  const declarations: string[] = [];
  declare(schema, schema.namespace ?? '', declarations);
  return [
    `// Made from ${source} by ${relative(ROOT, fileURLToPath(import.meta.url))}: do not edit.`,
    ...declarations,
    `/** The schema as it is registered. */\nexport const ${constant} =\n  '${JSON.stringify(schema).replaceAll("'", "\\'")}';`,
    '',
  ].join('\n\n');
}

/** The TypeScript type of a schema; named ones are declared on the way, each once. */
function declare(schema: Schema, namespace: string, declarations: string[]): string {
  if (typeof schema === 'string') return PRIMITIVES[schema] ?? schema;
  if (isUnion(schema)) {
    return schema.map((branch) => branchType(branch, namespace, declarations)).join(' | ');
  }
  const { type, name = '', doc } = schema;
  const header = doc === undefined ? '' : `/** ${doc} */\n`;
  if (type === 'record') {
    const place = declarations.push('') - 1;
    const fields = (schema.fields ?? []).map((field) => {
      const comment = field.doc === undefined ? '' : `  /** ${field.doc} */\n`;
      return `${comment}  readonly ${field.name}: ${declare(field.type, namespace, declarations)};`;
    });
    declarations[place] = `${header}export type ${name} = {\n${fields.join('\n')}\n};`;
    return name;
  }
  if (type === 'enum') {
    const symbols = (schema.symbols ?? []).map((symbol) => `'${symbol}'`).join(' | ');
    declarations.push(`${header}export type ${name} = ${symbols};`);
    return name;
  }
  if (type === 'array') return `readonly ${bracketed(declare(schema.items ?? 'null', namespace, declarations))}[]`;
  if (schema.logicalType === 'decimal') return 'bigint';
  const primitive = PRIMITIVES[type];
  if (primitive === undefined) throw new Error(`the generator does not know ${JSON.stringify(schema).slice(0, 200)}`);
  return primitive;
}

/** The Avro library wraps each branch but null in an object named for it. */
function branchType(branch: Schema, namespace: string, declarations: string[]): string {
  const type = declare(branch, namespace, declarations);
  if (type === 'null') return type;
  const plain = typeof branch === 'string' ? branch : isUnion(branch) ? '' : (branch.name ?? branch.type);
  const key = PRIMITIVES[plain] === undefined ? `${namespace}.${plain}` : plain;
  return `{ readonly '${key}': ${type} }`;
}

function isUnion(schema: Schema): schema is readonly Schema[] {
  return Array.isArray(schema);
}

function bracketed(type: string): string {
  return type.includes('|') ? `(${type})` : type;
}

function readIfThere(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}
