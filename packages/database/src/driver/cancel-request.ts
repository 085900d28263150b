import { connect } from 'node:net';

const CANCEL_CODE = 80_877_102;
const MESSAGE_BYTES = 16;
const GIVE_UP_MS = 2_000;

/** The backend as its first messages named it. */
export type Backend = {
  readonly host: string;
  readonly port: number;
  readonly pid: number;
  readonly secret: number;
};

/**
 * Asks the server, over a connection of its own, to cancel what the backend runs. Nobody learns
 * whether it did: whoever calls has given the backend up already.
 */
export function requestCancel(backend: Backend): void {
  const { host, port, pid, secret } = backend;
  const message = Buffer.alloc(MESSAGE_BYTES);
  message.writeInt32BE(MESSAGE_BYTES, 0);
  message.writeInt32BE(CANCEL_CODE, 4);
  message.writeInt32BE(pid, 8);
  message.writeInt32BE(secret, 12);
  const socket = host.startsWith('/') ? connect(`${host}/.s.PGSQL.${port}`) : connect(port, host);
  socket.unref();
  socket.setTimeout(GIVE_UP_MS, () => socket.destroy());
  socket.on('error', () => socket.destroy());
  socket.on('connect', () => socket.end(message));
}
