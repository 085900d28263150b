/*
 * An Avro schema with its references resolved, as far as this package compares schemas and walks
 * values. A named type stands once; whoever refers to it holds the same object.
 */

type SchemaField = {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly type: SchemaNode;
  readonly hasDefault: boolean;
};

export type RecordNode = {
  readonly kind: 'record';
  readonly name: string;
  readonly aliases: readonly string[];
  readonly fields: readonly SchemaField[];
};
type EnumNode = {
  readonly kind: 'enum';
  readonly name: string;
  readonly aliases: readonly string[];
  readonly symbols: readonly string[];
  readonly hasDefault: boolean;
};
type FixedNode = {
  readonly kind: 'fixed';
  readonly name: string;
  readonly aliases: readonly string[];
  readonly byteCount: number;
  readonly meaning: string;
};
/** `meaning` is what the number or the bytes stand for: two that differ must not be read as one another. */
export type PrimitiveNode = { readonly kind: 'primitive'; readonly type: Primitive; readonly meaning: string };
type UnionNode = { readonly kind: 'union'; readonly branches: readonly SchemaNode[] };
export type ArrayNode = { readonly kind: 'array'; readonly items: SchemaNode };
export type MapNode = { readonly kind: 'map'; readonly items: SchemaNode };

export type NamedNode = RecordNode | EnumNode | FixedNode;
export type SchemaNode = RecordNode | EnumNode | FixedNode | PrimitiveNode | UnionNode | ArrayNode | MapNode;

const PRIMITIVES = ['null', 'boolean', 'int', 'long', 'float', 'double', 'bytes', 'string'] as const;
export type Primitive = (typeof PRIMITIVES)[number];

const DEPTH_MAX = 64;

type Parsing = { readonly named: Map<string, SchemaNode>; readonly namespace: string; readonly depth: number };
type Json = Readonly<Record<string, unknown>>;

/**
 * The model of a schema's text.
 * @throws {Error} for a text that is no Avro schema, or one nested deeper than 64
 */
export function parseSchemaModel(text: string): SchemaNode {
  return parseNode(JSON.parse(text), { named: new Map(), namespace: '', depth: 0 });
}

function parseNode(json: unknown, parsing: Parsing): SchemaNode {
  if (parsing.depth > DEPTH_MAX) throw new Error(`the schema is nested deeper than ${DEPTH_MAX}`);
  const inner = { ...parsing, depth: parsing.depth + 1 };
  if (typeof json === 'string') return referred(json, parsing);
  if (Array.isArray(json)) return { kind: 'union', branches: json.map((branch: unknown) => parseNode(branch, inner)) };
  if (!isObject(json)) throw new Error(`${JSON.stringify(json)} is no schema`);
  const { type } = json;
  if (type === 'record' || type === 'error') return parseRecord(json, inner);
  if (type === 'enum') {
    const symbols = listOf(json['symbols'], 'symbols').map(String);
    const named = namesOf(json, parsing);
    return named.keep({ kind: 'enum', ...named.names, symbols, hasDefault: Object.hasOwn(json, 'default') });
  }
  if (type === 'fixed') {
    const byteCount = Number(json['size']);
    if (!Number.isSafeInteger(byteCount) || byteCount < 0) throw new Error('a fixed has no valid size');
    const named = namesOf(json, parsing);
    return named.keep({ kind: 'fixed', ...named.names, byteCount, meaning: meaningOf(json) });
  }
  if (type === 'array') return { kind: 'array', items: parseNode(json['items'], inner) };
  if (type === 'map') return { kind: 'map', items: parseNode(json['values'], inner) };
  const primitive = PRIMITIVES.find((known) => known === type);
  if (primitive !== undefined) return { kind: 'primitive', type: primitive, meaning: meaningOf(json) };
  return parseNode(type, inner);
}

/** The record is kept before its fields are read: they may refer to it. */
function parseRecord(json: Json, parsing: Parsing): SchemaNode {
  const fields: SchemaField[] = [];
  const { names, namespace, keep } = namesOf(json, parsing);
  const record = keep({ kind: 'record', ...names, fields });
  for (const field of listOf(json['fields'], 'fields')) {
    if (!isObject(field) || typeof field['name'] !== 'string')
      throw new Error(`${names.name} has a field without name`);
    fields.push({
      name: field['name'],
      aliases: listOf(field['aliases'] ?? [], 'aliases').map(String),
      type: parseNode(field['type'], { ...parsing, namespace }),
      hasDefault: Object.hasOwn(field, 'default'),
    });
  }
  return record;
}

function namesOf(json: Json, parsing: Parsing) {
  const { name, namespace } = json;
  if (typeof name !== 'string' || name === '') throw new Error('a named type has no name');
  const within = typeof namespace === 'string' ? namespace : parsing.namespace;
  const full = qualified(name, within);
  const scope = full.includes('.') ? full.slice(0, full.lastIndexOf('.')) : '';
  const aliases = listOf(json['aliases'] ?? [], 'aliases').map((alias) => qualified(String(alias), scope));
  return {
    names: { name: full, aliases },
    namespace: scope,
    keep: (node: SchemaNode): SchemaNode => {
      if (parsing.named.has(full)) throw new Error(`${full} is defined twice`);
      parsing.named.set(full, node);
      return node;
    },
  };
}

function referred(name: string, parsing: Parsing): SchemaNode {
  const primitive = PRIMITIVES.find((known) => known === name);
  if (primitive !== undefined) return { kind: 'primitive', type: primitive, meaning: '' };
  const node = parsing.named.get(qualified(name, parsing.namespace)) ?? parsing.named.get(name);
  if (node === undefined) throw new Error(`${name} is not defined`);
  return node;
}

function qualified(name: string, namespace: string): string {
  return name.includes('.') || namespace === '' ? name : `${namespace}.${name}`;
}

/** Texts may be marked as uuid or not; a number's unit and a decimal's scale must be known. */
function meaningOf(json: Json): string {
  const { logicalType } = json;
  if (typeof logicalType !== 'string' || logicalType === 'uuid') return '';
  return logicalType === 'decimal' ? `decimal of scale ${Number(json['scale'] ?? 0)}` : logicalType;
}

function listOf(value: unknown, what: string): readonly unknown[] {
  if (!Array.isArray(value)) throw new Error(`${what} is no list`);
  return value;
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What decides the bytes of a value, as text: two schemas with one layout are read by one codec. */
export function layoutOf(schema: SchemaNode, seen = new Set<string>()): string {
  if (schema.kind === 'primitive') return schema.type;
  if (schema.kind === 'union') return `[${schema.branches.map((branch) => layoutOf(branch, seen)).join()}]`;
  if (schema.kind === 'array' || schema.kind === 'map') return `${schema.kind}<${layoutOf(schema.items, seen)}>`;
  if (seen.has(schema.name)) return schema.name;
  seen.add(schema.name);
  if (schema.kind === 'enum') return `${schema.name}(${schema.symbols.join()})`;
  if (schema.kind === 'fixed') return `${schema.name}(${schema.byteCount})`;
  return `${schema.name}{${schema.fields.map((field) => `${field.name}:${layoutOf(field.type, seen)}`).join()}}`;
}
