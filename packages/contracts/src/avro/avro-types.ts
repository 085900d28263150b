import avro from 'avsc';

/*
 * The Avro library, told to be exact: longs and decimals are bigints, whatever their width, and every
 * union is wrapped, so that its values say which branch they are.
 */

/** A parsed schema of the Avro library. */
export type AvroType = avro.Type;

/**
 * Parses a schema. Longs and decimals of its values are bigints; branches of unions are wrapped.
 * @throws what the library throws for a text that is no Avro schema
 */
export function parseAvroSchema(schemaText: string): AvroType {
  const schema: avro.Schema = JSON.parse(schemaText);
  return avro.Type.forSchema(schema, {
    wrapUnions: true,
    logicalTypes: { decimal: Decimal },
    typeHook: (given) => (isLong(given) ? EXACT_LONG : undefined),
  });
}

/** Little-endian bytes of the long's two's complement on the library's side. */
const EXACT_LONG = avro.types.LongType.__with({
  fromBuffer: (bytes: Buffer) => bytes.readBigInt64LE(0),
  toBuffer: (value: bigint) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(value);
    return bytes;
  },
  fromJSON: (value: number | string) => BigInt(value),
  toJSON: (value: bigint) => String(value),
  isValid: (value: unknown) => typeof value === 'bigint' && BigInt.asIntN(64, value) === value,
  compare: (left: bigint, right: bigint) => (left === right ? 0 : left < right ? -1 : 1),
});

class Decimal extends avro.types.LogicalType {
  protected override _fromValue(bytes: Buffer): bigint {
    const magnitude = bytes.length === 0 ? 0n : BigInt(`0x${bytes.toString('hex')}`);
    return BigInt.asIntN(bytes.length * 8, magnitude);
  }

  protected override _toValue(value: bigint): Buffer {
    let bits = 8;
    while (BigInt.asIntN(bits, value) !== value) bits += 8;
    const hex = BigInt.asUintN(bits, value)
      .toString(16)
      .padStart(bits / 4, '0');
    return Buffer.from(hex, 'hex');
  }

  protected override _resolve(writer: avro.Type): ((value: bigint) => bigint) | undefined {
    return writer instanceof Decimal ? (value) => value : undefined;
  }
}

function isLong(schema: unknown): boolean {
  if (schema === 'long') return true;
  return typeof schema === 'object' && schema !== null && 'type' in schema && schema.type === 'long';
}
