import { redactText } from '@tradestream/runtime';
import { readEndpoints } from '@tradestream/stack';
import { Command } from 'commander';
import type { CliContext } from '../cli-context.ts';
import { projectRoot } from '../project-root.ts';

/** What decides where this command line goes, in the order in which it is looked at. */
const VARIABLES = [
  'TRADESTREAM_GATEWAY_URL',
  'TRADESTREAM_TOKEN',
  'TRADESTREAM_STACK',
  'KAFKA_BROKERS',
  'SCHEMA_REGISTRY_URL',
  'DATABASE_URL',
  'DATABASE_REPLICA_URLS',
  'REDIS_URL',
  'TRADESTREAM_TOPIC_PREFIX',
  'TRADESTREAM_GROUP_PREFIX',
  'LOG_LEVEL',
  'NO_COLOR',
] as const;

export function configCommand(context: CliContext): Command {
  return new Command('config')
    .description('where this command line takes its settings from, with secrets hidden')
    .action(() => {
      const fromEnvironment = VARIABLES.map((name) => row(name, process.env[name], 'environment'));
      const endpoints = readEndpoints(projectRoot());
      const fromFile = Object.entries(endpoints ?? {})
        .filter((entry): entry is [string, string] => typeof entry[1] === 'string')
        .map(([name, value]) => row(name, value, '.tradestream/endpoints.json'));
      context.terminal.list(
        [...fromEnvironment, ...fromFile],
        [
          { title: 'SETTING', field: 'setting' },
          { title: 'VALUE', field: 'value' },
          { title: 'FROM', field: 'from' },
        ],
      );
    });
}

function row(setting: string, value: string | undefined, from: string) {
  if (value === undefined || value === '') return { setting, value: '', from: 'not set' };
  return { setting, value: setting === 'TRADESTREAM_TOKEN' ? '[redacted]' : redactText(value), from };
}
