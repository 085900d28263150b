import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { SocketRequest } from './kafkajs-internals.ts';

const KEEP_ALIVE_MS = 30_000;

/** Opens kafkajs' sockets and can end them all at once, which kafkajs cannot: it waits for every answer first. */
export class TrackedSockets {
  readonly #open = new Set<Socket>();
  #ended: Error | undefined;

  readonly open = ({ host, port, ssl, onConnect }: SocketRequest): Socket => {
    const socket =
      ssl === undefined || ssl === null
        ? connect({ host, port }, onConnect)
        : connectTls({ host, port, ...(isIP(host) === 0 ? { servername: host } : {}), ...ssl }, onConnect);
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    socket.setNoDelay(true);
    if (this.#ended !== undefined) {
      // kafkajs' own retries may still ask for a connection of a client that was thrown away.
      socket.destroy(this.#ended);
      return socket;
    }
    this.#open.add(socket);
    socket.once('close', () => this.#open.delete(socket));
    return socket;
  };

  /** The error makes kafkajs reject what waits on the connection; without one it would not notice. */
  destroyAll(reason: string): void {
    this.#ended ??= new Error(reason);
    for (const socket of this.#open) socket.destroy(this.#ended);
  }
}
