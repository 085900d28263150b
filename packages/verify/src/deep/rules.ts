/** What `verify --deep` says of one of its ten rules. */
export type RuleVerdict = {
  readonly rule: number;
  readonly name: RuleName;
  readonly state: 'holds' | 'broken' | 'not checked';
  /** What was looked at, what contradicts, or what is missing to look. */
  readonly detail: string;
};

/** The rules in their order: what a history must satisfy after any fault. */
export const RULES = [
  'acknowledged commands are on the log',
  'each record has exactly one outcome',
  'each command has at most one effect',
  'money is conserved, and state is what its events give',
  'events and topic are the same, without gap',
  'views are the fold of the events, on every node',
  'a session reads what it has written',
  'an answer asked for again is the same',
  'nothing is published that is not in the ledger',
  'every fault raises its alert',
] as const;

export type RuleName = (typeof RULES)[number];

export function verdictOf(rule: number, state: RuleVerdict['state'], detail: string): RuleVerdict {
  const name = RULES[rule - 1];
  if (name === undefined) throw new RangeError(`there is no rule ${rule}`);
  return { rule, name, state, detail };
}

/** Which rule a contradiction of an invariant breaks. */
const RULE_OF: Readonly<Record<string, number>> = {
  'one outcome': 2,
  sequence: 5,
  receipts: 3,
  conservation: 4,
  'no negative': 4,
  history: 4,
  state: 4,
  topic: 5,
  views: 6,
};

export function ruleBrokenBy(contradiction: string): number {
  const invariant = contradiction.slice(0, contradiction.indexOf(':'));
  // What was published without standing in the ledger breaks a rule of its own.
  if (invariant === 'topic' && contradiction.includes('which is not in ledger.events')) return 9;
  return RULE_OF[invariant] ?? 4;
}
