/** `medtrace redrive`: dead letters tried again. */
import { openEventLog } from "@medtrace/engines/event-log/open";
import { lockProjection } from "@medtrace/engines/projection/open";
import { lookAgain } from "@medtrace/query/projector/redrive";
import { rebuildProjection } from "@medtrace/query/projector/replay";
import { engineSettings } from "@medtrace/shared/config";
import type { DeadLetter } from "@medtrace/shared/model/dead-letter";
import { type AddCommand, type CommonOptions, describe, ending } from "../cli.ts";
import { openForChecking } from "../engines.ts";
import { EXIT_NO, EXIT_OK } from "../failure.ts";

interface Options extends CommonOptions {
  readonly dryRun?: boolean;
}

export const addRedrive: AddCommand = (program, cli) => {
  describe(program, {
    usage: "redrive",
    summary: "try again what could not be projected",
    description:
      "Records that are anchored but were no trace event to the version that met them lie in the dead letters, with the\n" +
      "reason. Each is tried again; where this version can read any, the projection is rebuilt, so that they stand where\n" +
      "they belong. Stop the service first (not for --dry-run).",
    examples: ["medtrace redrive --dry-run", "medtrace redrive"],
    exits: "0 none is left, 1 some still cannot be read (each is told), 2 could not be tried",
  })
    .option("--dry-run", "only tell")
    .action(
      ending(async (options: Options) => {
        const { deadLettersUrl, projectionUrl } = engineSettings(cli.env);
        await using parts = await openForChecking(cli.env);
        await using deadLetters = await openEventLog(deadLettersUrl);
        const { readable, unreadable } = await lookAgain(deadLetters, parts.eventLog);
        for (const letter of unreadable) cli.out(options.json ? `${JSON.stringify(letter)}\n` : told(letter));
        const redriven = readable.length > 0 && options.dryRun !== true;
        if (redriven) {
          await using _lock = await lockProjection(projectionUrl);
          await rebuildProjection(parts, { signal: cli.signal });
        }
        const summary = { readable: readable.length, unreadable: unreadable.length, redriven };
        cli.out(options.json ? `${JSON.stringify(summary)}\n` : inWords(summary));
        return unreadable.length === 0 ? EXIT_OK : EXIT_NO;
      }),
    );
};

function told({ stream, offset, reason }: DeadLetter): string {
  return `${stream} at offset ${offset}: ${reason}\n`;
}

function inWords(summary: { readable: number; unreadable: number; redriven: boolean }): string {
  const { readable, unreadable, redriven } = summary;
  if (readable + unreadable === 0) return "there are no dead letters\n";
  const done = redriven ? "were projected by a rebuild" : "can be read now";
  return `${readable} dead letters ${done}, ${unreadable} still cannot be read\n`;
}
