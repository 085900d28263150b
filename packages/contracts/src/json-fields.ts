import { type Amount, parseAmount, type Side } from '@tradestream/trading';
import { parseTime } from './command-time.ts';

export type FieldProblem = { readonly field: string; readonly rule: string };

const NAME_SHOWN_MAX = 64;
const AMOUNT_RULE = 'a decimal as text: -?[0-9]+(.[0-9]{1,18})? of magnitude below 10^20';
const TIME_RULE = 'an ISO 8601 time as text with Z or an offset, at most milliseconds, in the years 1970 to 2200';

/**
 * Takes the fields of a JSON object one by one and remembers the first that breaks its rule; a
 * reading that failed gives a placeholder, which `problem` keeps from ever being used. Only own
 * properties are seen, whatever their names.
 */
export class JsonFields {
  readonly #json: object;
  readonly #taken = new Set<string>();
  #problem: FieldProblem | null = null;

  constructor(json: object) {
    this.#json = json;
  }

  text(name: string): string {
    const value = this.#take(name);
    return typeof value === 'string' ? value : this.#refuse(name, value, 'text', '');
  }

  side(name: string): Side {
    const value = this.#take(name);
    return value === 'buy' || value === 'sell' ? value : this.#refuse(name, value, '`buy` or `sell`', 'buy');
  }

  amount(name: string): Amount {
    const value = this.#take(name);
    const amount = typeof value === 'string' ? parseAmount(value) : null;
    return amount ?? this.#refuse(name, value, AMOUNT_RULE, 0n);
  }

  optionalAmount(name: string): Amount | null {
    return this.#has(name) ? this.amount(name) : null;
  }

  optionalText(name: string): string | null {
    return this.#has(name) ? this.text(name) : null;
  }

  time(name: string): number {
    const value = this.#take(name);
    const micros = typeof value === 'string' ? parseTime(value) : null;
    return micros ?? this.#refuse(name, value, TIME_RULE, 0);
  }

  /** The first broken rule; a field that was never taken breaks one too. */
  problem(): FieldProblem | null {
    if (this.#problem !== null) return this.#problem;
    const unknown = Object.keys(this.#json).find((name) => !this.#taken.has(name));
    return unknown === undefined
      ? null
      : { field: unknown.slice(0, NAME_SHOWN_MAX), rule: 'a field of this type of command' };
  }

  #has(name: string): boolean {
    this.#taken.add(name);
    return Object.hasOwn(this.#json, name);
  }

  #take(name: string): unknown {
    return this.#has(name) ? Object.getOwnPropertyDescriptor(this.#json, name)?.value : undefined;
  }

  #refuse<T>(field: string, value: unknown, rule: string, placeholder: T): T {
    this.#problem ??= { field, rule: value === undefined ? `present: ${rule}` : rule };
    return placeholder;
  }
}
