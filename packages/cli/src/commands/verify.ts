import { type DeepVerification, type Verification, verifyDeep, verifyInstallation } from '@tradestream/verify';
import { Command } from 'commander';
import type { CliContext } from '../cli-context.ts';
import { findEndpoints } from '../find-endpoints.ts';
import { CliFailure, EXIT } from '../output/exit-code.ts';
import { Progress } from '../output/progress.ts';

const RULE_COLUMNS = [
  { title: 'rule', field: 'rule', align: 'right' },
  { title: 'name', field: 'name' },
  { title: 'state', field: 'state' },
  { title: 'detail', field: 'detail' },
] as const;

type Options = {
  readonly deep?: boolean;
  readonly journal?: string;
  readonly faults?: string;
  readonly fromSnapshot?: boolean;
};

export function verifyCommand(context: CliContext): Command {
  return new Command('verify')
    .description(
      'check every invariant over command log, receipts, events, topic, state and views, while traffic flows',
    )
    .option('--deep', 'ten rules, also over every replica, the answers of the gateway and a journal of writers')
    .option('--journal <file>', 'acknowledged commands, one JSON object a line: {"commandId", "partition", "offset"}')
    .option(
      '--faults <file>',
      'faults that must have been told, one JSON object a line: {"fault", "alert", "from", "until"}',
    )
    .option('--from-snapshot', 'begin at the newest stored snapshot instead of the first event: faster, and says less')
    .action(async ({ deep = false, journal, faults, fromSnapshot = false }: Options) => {
      const { terminal, signal } = context;
      const startedMs = performance.now();
      for (const [name, file] of Object.entries({ journal, faults }))
        if (file !== undefined && !deep) throw new CliFailure(`--${name} needs --deep`, { exitCode: EXIT.usage });
      const endpoints = findEndpoints(process.env);
      const options = {
        signal,
        topicPrefix: process.env['TRADESTREAM_TOPIC_PREFIX'] ?? '',
        progress: new Progress(terminal),
        fromSnapshot,
      };
      const verification: Verification & Partial<DeepVerification> = deep
        ? await verifyDeep(
            { ...endpoints, ...(await servicesOf(context)) },
            { ...options, ...(journal === undefined ? {} : { journal }), ...(faults === undefined ? {} : { faults }) },
          )
        : await verifyInstallation(endpoints, options);
      const seconds = Math.round(performance.now() - startedMs) / 1_000;
      const { ok, firstContradiction, contradictions, notes, checked } = verification;
      if (terminal.format === 'json') terminal.object({ ...verification, seconds });
      else {
        if (verification.rules !== undefined) terminal.list(verification.rules, RULE_COLUMNS);
        terminal.object({ verify: ok ? 'every invariant holds' : 'BROKEN', ...checked, seconds });
      }
      for (const note of notes) terminal.note(note);
      for (const contradiction of contradictions.slice(1)) terminal.note(contradiction);
      if (firstContradiction !== null) throw new CliFailure(firstContradiction);
    });
}

/** What sessions see is part of it where a gateway runs, what was told where a monitor does. */
async function servicesOf({ gateway, monitor }: CliContext) {
  const [gatewayAt, monitorAt] = await Promise.all([known(gateway), known(monitor)]);
  return {
    ...(gatewayAt === null ? {} : { gateway: gatewayAt }),
    ...(monitorAt === null ? {} : { monitor: monitorAt }),
  };
}

async function known<Address>(find: () => Promise<Address>): Promise<Address | null> {
  try {
    return await find();
  } catch (error) {
    if (error instanceof CliFailure) return null;
    throw error;
  }
}
