import { ByteReader } from './byte-reader.ts';
import type { ArrayNode, MapNode, Primitive, SchemaNode } from './schema-model.ts';

/*
 * Walks a value by a schema that is not ours, before the Avro library sees it. The library reads on
 * behind the end of a value and only then looks back, so that five bytes which declare an array of
 * 67 million items without width cost it seconds and a gigabyte.
 */

const DEPTH_MAX = 64;
/** Items that take no bytes, such as nulls, are not bounded by the value's length. */
const WEIGHTLESS_ITEMS_MAX = 1000;
const FIXED_BYTES = { null: 0, boolean: 1, float: 4, double: 8 } as const;

type Walk = { readonly reader: ByteReader; weightless: number; depth: number };

/**
 * Checks that the payload is one value of the schema and nothing more, in time in proportion to it.
 * @throws {ContractError} UNDECODABLE with the field and the place
 */
export function checkValueBounds(schema: SchemaNode, payload: Buffer): void {
  const walk: Walk = { reader: new ByteReader(payload), weightless: 0, depth: 0 };
  walkValue(schema, 'the record', walk);
  walk.reader.end();
}

function walkValue(schema: SchemaNode, field: string, walk: Walk): void {
  const { reader } = walk;
  walk.depth += 1;
  if (walk.depth > DEPTH_MAX) reader.refuse(field, `it is nested deeper than ${DEPTH_MAX}`);
  switch (schema.kind) {
    case 'record':
      for (const part of schema.fields) walkValue(part.type, part.name, walk);
      break;
    case 'union': {
      const branch = schema.branches[reader.index(field, schema.branches.length)];
      if (branch !== undefined) walkValue(branch, field, walk);
      break;
    }
    case 'enum':
      reader.index(field, schema.symbols.length);
      break;
    case 'fixed':
      reader.skip(field, schema.byteCount);
      break;
    case 'array':
    case 'map':
      walkBlocks(schema, field, walk);
      break;
    case 'primitive':
      walkPrimitive(schema.type, field, reader);
      break;
  }
  walk.depth -= 1;
}

function walkPrimitive(type: Primitive, field: string, reader: ByteReader): void {
  switch (type) {
    case 'int':
    case 'long':
      return reader.skipLong(field);
    case 'bytes':
    case 'string':
      return reader.skipBytes(field);
    case 'null':
    case 'boolean':
    case 'float':
    case 'double':
      return reader.skip(field, FIXED_BYTES[type]);
  }
}

/** A block may declare its bytes; the library trusts that when it skips, so it must be true. */
function walkBlocks(schema: ArrayNode | MapNode, field: string, walk: Walk): void {
  const { reader } = walk;
  for (let count = reader.long(field); count !== 0; count = reader.long(field)) {
    const declared = count < 0 ? reader.long(field) : null;
    const start = reader.at;
    for (let left = Math.abs(count); left > 0; left -= 1) {
      const before = reader.at;
      if (schema.kind === 'map') reader.skip(field, reader.length(field));
      walkValue(schema.items, field, walk);
      if (reader.at === before) walk.weightless += 1;
      if (walk.weightless > WEIGHTLESS_ITEMS_MAX) {
        reader.refuse(field, `more than ${WEIGHTLESS_ITEMS_MAX} items that take no bytes`);
      }
    }
    if (declared !== null && declared !== reader.at - start) {
      reader.refuse(field, `a block declares ${declared} bytes and takes ${reader.at - start}`);
    }
  }
}
