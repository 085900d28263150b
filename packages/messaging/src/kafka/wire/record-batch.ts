/**
 * The layout of a record batch, message format 2 (KIP-98), the only one that brokers since 4.0 keep:
 *
 *   0 baseOffset int64 · 8 length int32 · 12 leaderEpoch int32 · 16 magic int8 · 17 crc uint32
 *   21 attributes int16 · 23 lastOffsetDelta int32 · 27 baseTimestamp int64 · 35 maxTimestamp int64
 *   43 producerId int64 · 51 producerEpoch int16 · 53 baseSequence int32 · 57 count int32 · 61 records
 *
 * The checksum covers everything behind it.
 */
export const BATCH = {
  lengthAt: 8,
  /** `length` counts the bytes from here on. */
  countedFrom: 12,
  magicAt: 16,
  crcAt: 17,
  attributesAt: 21,
  headerBytes: 61,
  magic: 2,
} as const;

export const ATTRIBUTES = {
  compressionMask: 0x07,
  /** The broker's clock stamps the records, not the producer's. */
  logAppendTime: 0x08,
  transactional: 0x10,
  control: 0x20,
} as const;
