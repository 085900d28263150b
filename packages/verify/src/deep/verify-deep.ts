import { topicsWithPrefix } from '@tradestream/contracts';
import { openKafka } from '@tradestream/messaging';
import { createLogger, errorOf, Scope } from '@tradestream/runtime';
import { VerifyError } from '../errors.ts';
import { openSnapshot, type Snapshot } from '../snapshot.ts';
import {
  type Verification,
  type VerifyEndpoints,
  type VerifyOptions,
  verifyInstallation,
} from '../verify-installation.ts';
import { checkAcknowledged } from './acknowledged.ts';
import { checkAnswers } from './check-answers.ts';
import { checkFaults } from './check-faults.ts';
import { checkNodes } from './check-nodes.ts';
import { type RuleVerdict, ruleBrokenBy, verdictOf } from './rules.ts';

/** Where the oracle looks, beyond ledger and log. */
export type DeepEndpoints = VerifyEndpoints & {
  readonly replicaUrls: Readonly<Record<string, string>>;
  /** Absent: what sessions see is not checked. */
  readonly gateway?: { readonly url: string; readonly token?: string | undefined };
  /** Absent: what alerts told is not checked. */
  readonly monitor?: { readonly url: string; readonly token?: string | undefined };
};

export type DeepOptions = VerifyOptions & {
  /** A file with one JSON object a line for each acknowledged command: `{"commandId", "partition", "offset"}`. */
  readonly journal?: string;
  /** A file with one JSON object a line for each fault: `{"fault", "alert", "from", "until"}`, times in ISO 8601 with Z or an offset. */
  readonly faults?: string;
};

export type DeepVerification = Verification & { readonly rules: readonly RuleVerdict[] };

/**
 * The oracle: ten rules over writer journal, log, receipts, events, topic, views and replicas, while
 * traffic flows. Writes nothing.
 * @throws {DatabaseError}, {MessagingError} when primary or log cannot be read; {VerifyError} JOURNAL_UNREADABLE, FAULTS_UNREADABLE
 */
export async function verifyDeep(endpoints: DeepEndpoints, options: DeepOptions): Promise<DeepVerification> {
  const { signal, log = createLogger({ service: 'verify', level: 'error' }) } = options;
  const topics = topicsWithPrefix(options.topicPrefix ?? '');
  const verification = await verifyInstallation(endpoints, options);
  await using scope = new Scope();
  const snapshot = await openSnapshot({ databaseUrl: endpoints.databaseUrl, commandsTopic: topics.commands, signal });
  scope.use(snapshot.session);
  const kafka = scope.use(
    await openKafka({ brokers: endpoints.kafkaBrokers.split(','), clientId: 'tradestream-verify', log }),
  );
  const acknowledged = async () =>
    await judgeAcknowledged(options.journal, async (journal) => {
      const admin = scope.use(await kafka.openAdmin());
      const reader = scope.use(await kafka.openReader());
      return await checkAcknowledged({ journal, snapshot, admin, reader, topic: topics.commands, signal });
    });
  const rules = [
    await acknowledged(),
    ...judgeInvariants(verification),
    await judgeNodes(endpoints, verification, { commandsTopic: topics.commands, signal }),
    ...(await judgeAnswers(endpoints, snapshot, signal)),
    await judgeFaults(endpoints, options),
  ].toSorted((a, b) => a.rule - b.rule);
  const broken = rules.filter(({ state }) => state === 'broken').map(({ name, detail }) => `${name}: ${detail}`);
  const contradictions = [
    ...verification.contradictions,
    ...broken.filter((text) => !verification.contradictions.some((known) => text.includes(known))),
  ];
  return {
    ...verification,
    ok: contradictions.length === 0,
    firstContradiction: contradictions[0] ?? null,
    contradictions,
    rules,
  };
}

async function judgeAcknowledged(
  journal: string | undefined,
  check: (journal: string) => ReturnType<typeof checkAcknowledged>,
): Promise<RuleVerdict> {
  if (journal === undefined) return verdictOf(1, 'not checked', 'no journal of acknowledged commands was given');
  const { acknowledged, waiting, expired, broken } = await check(journal);
  const [first] = broken;
  if (first !== undefined) return verdictOf(1, 'broken', first);
  const rest = [
    waiting > 0 ? `, ${waiting} commands wait to be applied` : '',
    expired > 0 ? `, of ${expired} the record has expired` : '',
  ];
  return verdictOf(1, 'holds', `${acknowledged} acknowledgements${rest.join('')}`);
}

/** What `verify` has looked at, by the rules that it is part of. */
function judgeInvariants({ contradictions, checked, base }: Verification): readonly RuleVerdict[] {
  const from = base === null ? '' : `, from snapshot ${base.snapshot} on`;
  const looked: readonly (readonly [number, string])[] = [
    [2, `${checked.records} records`],
    [3, `${checked.events} events${from}`],
    [4, `${checked.events} events decided and folded again${from}`],
    [5, `${checked.published} records of the topic${base === null ? '' : '; of removed events their order alone'}`],
    [9, `${checked.published} records of the topic`],
  ];
  return looked.map(([rule, detail]) => {
    const broken = contradictions.find((each) => ruleBrokenBy(each) === rule);
    return broken === undefined ? verdictOf(rule, 'holds', detail) : verdictOf(rule, 'broken', broken);
  });
}

async function judgeNodes(
  { databaseUrl, replicaUrls }: DeepEndpoints,
  { contradictions, base }: Verification,
  options: { readonly commandsTopic: string; readonly signal: AbortSignal },
): Promise<RuleVerdict> {
  const onPrimary = contradictions.find((each) => ruleBrokenBy(each) === 6);
  if (onPrimary !== undefined) return verdictOf(6, 'broken', onPrimary);
  const nodes = await checkNodes({ databaseUrl, replicaUrls, ...options });
  const broken = nodes.find((node) => node.broken !== null)?.broken ?? null;
  if (broken !== null) return verdictOf(6, 'broken', broken);
  const by = nodes.map(
    ({ node, how }) => `${node} by ${how === 'same position' ? 'hash at the same position' : 'its own events'}`,
  );
  return verdictOf(
    6,
    'holds',
    [
      base === null ? 'primary by its events' : `primary by snapshot ${base.snapshot} and the events behind it`,
      ...by,
    ].join(', '),
  );
}

async function judgeAnswers(
  { gateway }: DeepEndpoints,
  snapshot: Snapshot,
  signal: AbortSignal,
): Promise<readonly RuleVerdict[]> {
  if (gateway === undefined) {
    return [7, 8].map((rule) => verdictOf(rule, 'not checked', 'no gateway is known'));
  }
  try {
    const { receipts, orders, unlike, unseen } = await checkAnswers({ gateway, snapshot, signal });
    const judge = (rule: number, wrong: readonly string[], looked: string) =>
      wrong[0] === undefined ? verdictOf(rule, 'holds', looked) : verdictOf(rule, 'broken', wrong[0]);
    return [
      judge(7, unseen, `${orders} orders with their tokens`),
      judge(8, unlike, `${receipts} receipts, twice each`),
    ];
  } catch (error) {
    signal.throwIfAborted();
    return [7, 8].map((rule) =>
      verdictOf(rule, 'not checked', `the gateway did not answer: ${errorOf(error).message}`),
    );
  }
}

async function judgeFaults(
  { monitor }: DeepEndpoints,
  { faults, signal }: Pick<DeepOptions, 'faults' | 'signal'>,
): Promise<RuleVerdict> {
  if (faults === undefined) return verdictOf(10, 'not checked', 'no journal of faults was given');
  if (monitor === undefined) return verdictOf(10, 'not checked', 'no monitor is known');
  try {
    const { faults: count, broken } = await checkFaults({ faults, monitor, signal });
    return broken[0] === undefined ? verdictOf(10, 'holds', `${count} faults`) : verdictOf(10, 'broken', broken[0]);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof VerifyError) throw error;
    return verdictOf(10, 'not checked', `the monitor did not answer: ${errorOf(error).message}`);
  }
}
