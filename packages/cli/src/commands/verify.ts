import { Command } from 'commander';
import type { CliContext } from '../cli-context.ts';
import { findEndpoints } from '../find-endpoints.ts';
import { CliFailure } from '../output/exit-code.ts';
import { Progress } from '../output/progress.ts';
import { verifyInstallation } from '../verify/verify-installation.ts';

export function verifyCommand(context: CliContext): Command {
  return new Command('verify')
    .description(
      'check every invariant over command log, receipts, events, topic, state and views, while traffic flows',
    )
    .action(async () => {
      const { terminal, signal } = context;
      const startedMs = performance.now();
      const verification = await verifyInstallation(findEndpoints(process.env), {
        signal,
        topicPrefix: process.env['TRADESTREAM_TOPIC_PREFIX'] ?? '',
        progress: new Progress(terminal),
      });
      const seconds = Math.round(performance.now() - startedMs) / 1_000;
      const { ok, firstContradiction, contradictions, notes, checked } = verification;
      if (terminal.format === 'json') terminal.object({ ...verification, seconds });
      else terminal.object({ verify: ok ? 'every invariant holds' : 'BROKEN', ...checked, seconds });
      for (const note of notes) terminal.note(note);
      for (const contradiction of contradictions.slice(1)) terminal.note(contradiction);
      if (firstContradiction !== null) throw new CliFailure(firstContradiction);
    });
}
