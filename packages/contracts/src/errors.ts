import { AppError, type AppErrorOptions, type ErrorTable } from '@tradestream/runtime';

/** Every code of this package, with its class of retry. */
export const CONTRACT_ERRORS = {
  TOO_SHORT: {
    retry: 'never',
    summary: 'a value is too short to carry a schema id',
    advice: 'the producer must write the wire format of the schema registry: a zero byte, the id, Avro',
  },
  BAD_MAGIC: {
    retry: 'never',
    summary: 'a value does not start with the zero byte of the wire format',
    advice: 'the producer must write the wire format of the schema registry: a zero byte, the id, Avro',
  },
  UNDECODABLE: {
    retry: 'never',
    summary: 'bytes are not Avro of their schema',
    advice: 'see the place that the message names; the producer wrote other bytes than its schema says, or cut them',
  },
  MALFORMED: {
    retry: 'never',
    summary: 'a field holds what no command may hold',
    advice: 'see the field and the rule that the message names; the producer must mend its command',
  },
  WRITER_SCHEMA_UNREADABLE: {
    retry: 'never',
    summary: 'the schema that a value was written with cannot be read as ours',
    advice: 'the producer must write the registered schema, or one that the registry calls compatible with it',
  },
  SCHEMA_INCOMPATIBLE: {
    retry: 'never',
    summary: 'a schema of this release is not compatible with those registered',
    advice: 'give the field that the message names a default, or keep its type; never change what is registered',
  },
  REGISTRY_UNAVAILABLE: {
    retry: 'later',
    summary: 'the schema registry did not answer as it should',
    advice: 'see whether the registry runs, and whether SCHEMA_REGISTRY_URL names its Confluent interface',
  },
} as const satisfies ErrorTable;

/** What goes wrong between bytes and types. `context` carries the place, or the field and its rule. */
export class ContractError extends AppError {
  declare readonly code: keyof typeof CONTRACT_ERRORS;

  constructor(code: keyof typeof CONTRACT_ERRORS, options?: AppErrorOptions) {
    super(CONTRACT_ERRORS, code, options);
  }
}
