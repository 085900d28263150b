import { connect } from 'node:net';

const ANSWER_MS = 1_000;
const METADATA = 3;
const FIND_COORDINATOR = 10;

/**
 * Whether the broker names itself in its metadata and coordinates groups: the topic behind the
 * coordinator is made at the first question, and clients that come before it log errors. Two
 * requests of a few bytes, so that the stack needs no Kafka client.
 */
export async function isKafkaReady(port: number): Promise<boolean> {
  const noTopics = int32(0);
  const metadata = await ask(port, { key: METADATA, version: 1, body: noTopics });
  // Correlation id, then the count of brokers.
  if (metadata === null || metadata.length < 8 || metadata.readInt32BE(4) < 1) return false;
  const group = Buffer.concat([string('tradestream-probe'), Buffer.from([0])]);
  const coordinator = await ask(port, { key: FIND_COORDINATOR, version: 1, body: group });
  // Correlation id, throttle time, then the error code.
  return coordinator !== null && coordinator.length >= 10 && coordinator.readInt16BE(8) === 0;
}

type Request = { readonly key: number; readonly version: number; readonly body: Buffer };

async function ask(port: number, request: Request): Promise<Buffer | null> {
  const payload = Buffer.concat([
    int16(request.key),
    int16(request.version),
    int32(1),
    string('tradestream-stack'),
    request.body,
  ]);
  return await new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    let received = Buffer.alloc(0);
    const finish = (answer: Buffer | null) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(ANSWER_MS, () => finish(null));
    socket.on('error', () => finish(null));
    socket.on('close', () => finish(null));
    socket.on('connect', () => socket.write(Buffer.concat([int32(payload.length), payload])));
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      if (received.length >= 4 && received.length >= 4 + received.readInt32BE(0)) finish(received.subarray(4));
    });
  });
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

function string(text: string): Buffer {
  return Buffer.concat([int16(Buffer.byteLength(text)), Buffer.from(text)]);
}
