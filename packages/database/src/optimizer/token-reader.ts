import type { Token } from './syntax.ts';

/** Finds pieces of the text among its tokens. */
export class TokenReader {
  readonly tokens: readonly Token[];

  constructor(tokens: readonly Token[]) {
    this.tokens = tokens;
  }

  /** The token that starts at this byte; -1 when none does. */
  indexAt(start: number): number {
    return this.tokens.findIndex((token) => token.start === start);
  }

  text(index: number): string {
    return this.tokens[index]?.text ?? '';
  }

  is(index: number, word: string): boolean {
    return this.text(index).toUpperCase() === word;
  }

  start(index: number): number {
    return this.tokens[index]?.start ?? 0;
  }

  end(index: number): number {
    return this.tokens[index]?.end ?? 0;
  }

  /** The parenthesis that closes the one at `open`; -1 when there is none. */
  closing(open: number): number {
    let depth = 0;
    for (let at = open; at < this.tokens.length; at += 1) {
      if (this.text(at) === '(') depth += 1;
      if (this.text(at) === ')') depth -= 1;
      if (depth === 0) return at;
    }
    return -1;
  }

  /** Tokens of this word between two others, those inside further parentheses left out. */
  within(from: number, to: number, word: string): readonly number[] {
    const found: number[] = [];
    let depth = 0;
    for (let at = from; at < to; at += 1) {
      if (this.text(at) === '(') depth += 1;
      else if (this.text(at) === ')') depth -= 1;
      else if (depth === 0 && this.is(at, word)) found.push(at);
    }
    return found;
  }
}
