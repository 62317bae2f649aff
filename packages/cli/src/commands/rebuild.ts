/** `medtrace rebuild`: drops the projection and replays it from log and ledger. */
import { lockProjection } from "@medtrace/engines/projection/open";
import { rebuildProjection } from "@medtrace/query/projector/replay";
import { engineSettings } from "@medtrace/shared/config";
import { type AddCommand, type CommonOptions, describe, ending } from "../cli.ts";
import { openForChecking } from "../engines.ts";
import { EXIT_OK } from "../failure.ts";

export const addRebuild: AddCommand = (program, cli) => {
  describe(program, {
    usage: "rebuild",
    summary: "drop the projection and replay it from log and ledger",
    description:
      "The projection is a copy: what it holds comes from the event log and the ledger, and a rebuilt one is equal to the\n" +
      "one before, row by row. Stop the service first. Interrupted, it goes on from where it was at the next start.",
    examples: ["medtrace rebuild"],
    exits: "0 rebuilt, 2 could not be rebuilt (the service runs, or log and ledger cannot be read)",
  }).action(
    ending(async (options: CommonOptions) => {
      await using lock = await lockProjection(engineSettings(cli.env).projectionUrl);
      await using parts = await openForChecking(cli.env, lock);
      const counts = await rebuildProjection(parts, {
        signal: cli.signal,
        onProgress: ({ blocks, blocksTotal, events }) => {
          if (cli.watched) cli.err(`\r\u001b[Kblock ${blocks} of ${blocksTotal}, ${events} events`);
        },
      });
      if (cli.watched) cli.err("\r\u001b[K");
      const { events, batches, leaves, incidents } = counts;
      cli.out(
        options.json
          ? `${JSON.stringify({ rebuilt: true, ...counts })}\n`
          : `rebuilt: ${events} events from ${leaves} leaves in ${batches} batches, ${incidents} incidents\n`,
      );
      return EXIT_OK;
    }),
  );
};
