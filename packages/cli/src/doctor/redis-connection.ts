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
  const answers: (readonly string[])[] = [];
  let at = 0;
  while (answers.length < count) {
    const answer = parseAnswer(text, at);
    if (answer === null) return null;
    answers.push(answer.strings);
    at = answer.end;
  }
  return answers;
}

type Parsed = { readonly strings: readonly string[]; readonly end: number };

/** A line, a string with its length before it, or an array of either. */
function parseAnswer(text: string, from: number): Parsed | null {
  const lineEnd = text.indexOf('\r\n', from);
  if (lineEnd < 0) return null;
  const [kind, head, bodyAt] = [text[from] ?? '', text.slice(from + 1, lineEnd), lineEnd + 2];
  if (kind === '-') throw new Error(`Redis refused: ${head}`);
  if (kind === '$') {
    const bodyEnd = bodyAt + Math.max(0, Number(head));
    if (text.length < bodyEnd + 2) return null;
    return { strings: [text.slice(bodyAt, bodyEnd)], end: bodyEnd + 2 };
  }
  if (kind !== '*') return { strings: [head], end: bodyAt };
  const strings: string[] = [];
  let at = bodyAt;
  for (let left = Number(head); left > 0; left -= 1) {
    const item = parseAnswer(text, at);
    if (item === null) return null;
    strings.push(...item.strings);
    at = item.end;
  }
  return { strings, end: at };
}
