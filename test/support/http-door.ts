import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';

/** A door before an HTTP server that answers 503 itself while it is shut. */
export class HttpDoor implements AsyncDisposable {
  isShut = false;
  /** While it is shut, it is so for paths with this in them. */
  shutPath = '/';
  readonly #server: Server;
  readonly #target: string;
  #refused = 0;

  private constructor(target: string) {
    this.#target = target;
    this.#server = createServer((request, response) => void this.#pass(request, response));
  }

  /** Before the server of a URL: `url` of the result leads through the door to the same path. */
  static async before(target: string): Promise<HttpDoor> {
    const door = new HttpDoor(new URL(target).origin);
    await new Promise<void>((resolve) => door.#server.listen(0, '127.0.0.1', resolve));
    return door;
  }

  /** The URL `target` as seen from outside. */
  outside(target: string): string {
    const address = this.#server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const url = new URL(target);
    url.host = `127.0.0.1:${port}`;
    return url.href.replace(/\/$/, '');
  }

  /** Requests that were answered with 503. */
  get refused(): number {
    return this.#refused;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer); // no encoding was set
    if (this.isShut && request.url?.includes(this.shutPath) !== false) {
      this.#refused += 1;
      response.writeHead(503).end();
      return;
    }
    const method = request.method ?? 'GET';
    try {
      const answer = await fetch(this.#target + (request.url ?? '/'), {
        method,
        headers: { 'content-type': request.headers['content-type'] ?? 'application/json' },
        ...(method === 'GET' ? {} : { body: Buffer.concat(chunks) }),
      });
      response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? '' });
      response.end(Buffer.from(await answer.arrayBuffer()));
    } catch {
      response.destroy();
    }
  }
}
