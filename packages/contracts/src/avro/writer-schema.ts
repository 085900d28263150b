/** A schema that a foreign producer wrote with, ready to read its values as ours. */
export interface WriterSchema<T> {
  /** @throws {ContractError} UNDECODABLE, MALFORMED */
  decode(payload: Buffer): T;
}
