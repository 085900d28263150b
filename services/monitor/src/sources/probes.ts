import { connect } from 'node:net';
import { errorOf } from '@tradestream/runtime';

export type Probe = { readonly up: boolean; readonly latencySeconds: number | null; readonly detail: string };

/** Whether the registry answers. */
export async function probeRegistry(url: string, timeoutMs: number): Promise<Probe> {
  return await timed(async () => {
    const base = url.endsWith('/') ? url : `${url}/`;
    const response = await fetch(new URL('subjects', base), { signal: AbortSignal.timeout(timeoutMs) });
    await response.arrayBuffer();
    if (!response.ok) throw new Error(`it answered ${response.status}`);
  });
}

/** Whether Redis answers PING. */
export async function probeRedis(url: string, timeoutMs: number): Promise<Probe> {
  return await timed(() => ping(new URL(url), timeoutMs));
}

async function timed(work: () => Promise<void>): Promise<Probe> {
  const startedMs = performance.now();
  try {
    await work();
    return { up: true, latencySeconds: (performance.now() - startedMs) / 1_000, detail: '' };
  } catch (error) {
    return { up: false, latencySeconds: null, detail: errorOf(error).message };
  }
}

async function ping(url: URL, timeoutMs: number): Promise<void> {
  const login = [url.username, url.password].filter((part) => part !== '').map(decodeURIComponent);
  const commands = login.length === 0 ? [['PING']] : [['AUTH', ...login], ['PING']];
  await new Promise<void>((resolve, reject) => {
    const socket = connect({ host: url.hostname, port: Number(url.port || 6_379) });
    let answer = '';
    socket.setTimeout(timeoutMs, () => socket.destroy(new Error(`no answer within ${timeoutMs} ms`)));
    socket.once('connect', () => socket.write(commands.map(encode).join('')));
    socket.on('data', (data) => {
      answer += data.toString();
      if (answer.includes('PONG')) {
        resolve();
        socket.destroy();
      } else if (answer.startsWith('-')) socket.destroy(new Error(answer.trim().slice(0, 200)));
    });
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('the connection was closed')));
  });
}

function encode(words: readonly string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`;
}
