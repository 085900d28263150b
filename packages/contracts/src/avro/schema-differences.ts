import type { NamedNode, Primitive, PrimitiveNode, RecordNode, SchemaNode } from './schema-model.ts';

/** Where a reader cannot read what a writer writes, and the rule of Avro that says so. */
export type SchemaDifference = { readonly field: string; readonly rule: string };

const PROMOTIONS: Readonly<Partial<Record<Primitive, readonly Primitive[]>>> = {
  int: ['long', 'float', 'double'],
  long: ['float', 'double'],
  float: ['double'],
  string: ['bytes'],
  bytes: ['string'],
};

/** `seen` keeps each pair's answer; a pair that is being compared counts as readable, for types that hold themselves. */
type Comparison = {
  readonly field: string;
  readonly seen: Map<SchemaNode, Map<SchemaNode, SchemaDifference | null>>;
};

/**
 * The first place at which values of `writer` cannot be read as `reader`, by the rules of schema
 * resolution; null when all can. Stricter in one point: numbers and bytes that stand for different
 * things (micros and millis, decimals of another scale) are never read as one another.
 */
export function findUnreadable(reader: SchemaNode, writer: SchemaNode): SchemaDifference | null {
  return compare(reader, writer, { field: '', seen: new Map() });
}

function compare(reader: SchemaNode, writer: SchemaNode, at: Comparison): SchemaDifference | null {
  const answers = at.seen.get(reader) ?? new Map<SchemaNode, SchemaDifference | null>();
  const known = answers.get(writer);
  if (known !== undefined) return known;
  at.seen.set(reader, answers.set(writer, null));
  const difference = compareShapes(reader, writer, at);
  answers.set(writer, difference);
  return difference;
}

function compareShapes(reader: SchemaNode, writer: SchemaNode, at: Comparison): SchemaDifference | null {
  if (writer.kind === 'union') return firstOf(writer.branches, (branch) => compare(reader, branch, at));
  if (reader.kind === 'union') {
    const differences = reader.branches.map((branch) => compare(branch, writer, at));
    if (differences.includes(null)) return null;
    const namesake = reader.branches.findIndex((branch) => nameOf(branch) === nameOf(writer));
    return differences[namesake] ?? differ(at, `no branch reads ${nameOf(writer)}`);
  }
  if (reader.kind === 'primitive') return comparePrimitive(reader, writer, at);
  if (reader.kind === 'array' && writer.kind === 'array') return compare(reader.items, writer.items, at);
  if (reader.kind === 'map' && writer.kind === 'map') return compare(reader.items, writer.items, at);
  const named = 'aliases' in reader && [reader.name, ...reader.aliases].includes(nameOf(writer));
  if (named) return compareNamed(reader, writer, at);
  return differ(at, `${nameOf(writer)} is not readable as ${nameOf(reader)}`);
}

function compareNamed(reader: NamedNode, writer: SchemaNode, at: Comparison): SchemaDifference | null {
  if (reader.kind === 'record' && writer.kind === 'record') return compareRecords(reader, writer, at);
  if (reader.kind === 'enum' && writer.kind === 'enum') {
    const unknown = writer.symbols.find((symbol) => !reader.symbols.includes(symbol));
    return unknown === undefined || reader.hasDefault ? null : differ(at, `the symbol ${unknown} is not known`);
  }
  if (reader.kind === 'fixed' && writer.kind === 'fixed') {
    if (reader.byteCount !== writer.byteCount) return differ(at, 'the sizes differ');
    return reader.meaning === writer.meaning ? null : differ(at, meanings(reader.meaning, writer.meaning));
  }
  return differ(at, `the ${writer.kind} ${nameOf(writer)} is not readable as ${reader.kind}`);
}

function compareRecords(reader: RecordNode, writer: RecordNode, at: Comparison): SchemaDifference | null {
  return firstOf(reader.fields, (field) => {
    const inner = { ...at, field: at.field === '' ? field.name : `${at.field}.${field.name}` };
    const written = writer.fields.find((each) => each.name === field.name || field.aliases.includes(each.name));
    if (written !== undefined) return compare(field.type, written.type, inner);
    return field.hasDefault ? null : differ(inner, `${writer.name} lacks it and it has no default`);
  });
}

function comparePrimitive(reader: PrimitiveNode, writer: SchemaNode, at: Comparison): SchemaDifference | null {
  if (writer.kind !== 'primitive') return differ(at, `${nameOf(writer)} is not readable as ${reader.type}`);
  if (reader.type !== writer.type && PROMOTIONS[writer.type]?.includes(reader.type) !== true) {
    return differ(at, `${writer.type} is not readable as ${reader.type}`);
  }
  return reader.meaning === writer.meaning ? null : differ(at, meanings(reader.meaning, writer.meaning));
}

function meanings(reader: string, writer: string): string {
  return `${writer === '' ? 'a plain value' : writer} is not readable as ${reader === '' ? 'a plain value' : reader}`;
}

function differ(at: Comparison, rule: string): SchemaDifference {
  return { field: at.field === '' ? 'the record' : at.field, rule };
}

function nameOf(node: SchemaNode): string {
  if (node.kind === 'primitive') return node.type;
  return 'name' in node ? node.name : node.kind;
}

function firstOf<T>(items: readonly T[], find: (item: T) => SchemaDifference | null): SchemaDifference | null {
  for (const item of items) {
    const difference = find(item);
    if (difference !== null) return difference;
  }
  return null;
}
