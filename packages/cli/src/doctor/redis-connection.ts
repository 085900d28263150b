import { connect as connectPlain, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

const TIMEOUT_MS = 5_000;
const ANSWER_BYTES_MAX = 64 * 1024;

/**
 * Asks a Redis server one command after the other and gives the answers as text, arrays as their
 * strings. Enough of the protocol for settings.
 */
export async function askRedis(
  url: string,
  commands: readonly (readonly string[])[],
): Promise<readonly (readonly string[])[]> {
  const { hostname, port, username, password, protocol } = new URL(url);
  const options = { host: hostname, port: Number(port === '' ? 6379 : port) };
  const login = [decodeURIComponent(username), decodeURIComponent(password)].filter((part) => part !== '');
  const asked = login.length === 0 ? commands : [['AUTH', ...login], ...commands];
  const socket = protocol === 'rediss:' ? connectTls(options) : connectPlain(options);
  try {
    const answers = await exchange(socket, asked);
    return answers.slice(asked.length - commands.length);
  } finally {
    socket.destroy();
  }
}

async function exchange(
  socket: Socket,
  commands: readonly (readonly string[])[],
): Promise<readonly (readonly string[])[]> {
  return await new Promise((resolve, reject) => {
    let received = '';
    socket.setTimeout(TIMEOUT_MS, () => reject(new Error(`Redis did not answer within ${TIMEOUT_MS} ms`)));
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('Redis closed the connection')));
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1');
      if (received.length > ANSWER_BYTES_MAX) reject(new Error('Redis answered more than was asked for'));
      try {
        const answers = parseAnswers(received, commands.length);
        if (answers !== null) resolve(answers);
      } catch (error) {
        reject(error instanceof Error ? error : new Error(String(error)));
      }
    });
    socket.write(commands.map(encodeCommand).join(''));
  });
}

function encodeCommand(words: readonly string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`;
}

/** Null while something is still to come. */
function parseAnswers(text: string, count: number): readonly (readonly string[])[] | null {
  const lines = text.split('\r\n');
  const answers: string[][] = [];
  let at = 0;
  const complete = () => at < lines.length - 1;
  while (answers.length < count) {
    if (!complete()) return null;
    const head = lines[at++] ?? '';
    if (head.startsWith('-')) throw new Error(`Redis refused: ${head.slice(1)}`);
    const strings = head.startsWith('*') ? Number(head.slice(1)) : 0;
    const answer: string[] = strings === 0 && !head.startsWith('*') ? [head.slice(1)] : [];
    for (let left = strings; left > 0; left -= 1) {
      at += 1; // its length
      if (!complete()) return null;
      answer.push(lines[at++] ?? '');
    }
    answers.push(answer);
  }
  return answers;
}
