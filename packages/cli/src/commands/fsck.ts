/** `medtrace fsck`: whether log, ledger and projection agree. */
import { partitionOf } from "@medtrace/shared/model/batch";
import { type AddCommand, type Cli, type CommonOptions, describe, ending } from "../cli.ts";
import { openForChecking } from "../engines.ts";
import { EXIT_NO, EXIT_OK } from "../failure.ts";
import { type FsckParts, fsck, type Part } from "../fsck.ts";

export const addFsck: AddCommand = (program, cli) => {
  describe(program, {
    usage: "fsck",
    summary: "check that log, ledger and projection agree",
    description:
      "Checks every record of the event log, every block and state of the ledger, every batch against the records that\n" +
      "it anchors, and every row of the projection against a fresh replay. Changes nothing; safe beside a running service.",
    examples: ["medtrace fsck", "MEDTRACE_DATA=/srv/medtrace medtrace fsck --json"],
    exits: "0 all agree, 1 something does not (each finding is told), 2 could not be checked",
  }).action(
    ending(async (options: CommonOptions) => {
      await using parts = await openForChecking(cli.env);
      let findings = 0;
      for await (const { part, what } of fsck(parts, { signal: cli.signal, onProgress: progressLine(cli) })) {
        findings++;
        cli.out(options.json ? `${JSON.stringify({ part, what })}\n` : `✗ ${part}: ${what}\n`);
      }
      cli.signal.throwIfAborted();
      const summary = { clean: findings === 0, findings, ...(await countsOf(parts)) };
      cli.out(options.json ? `${JSON.stringify(summary)}\n` : inWords(summary));
      return summary.clean ? EXIT_OK : EXIT_NO;
    }),
  );
};

interface Counts {
  /** Leaves that are anchored. */
  readonly leaves: number;
  readonly batches: number;
  readonly blocks: number;
  /** Distinct events that are projected. */
  readonly events: number;
  readonly duplicates: number;
  /** Log records that no batch covers yet. */
  readonly unanchored: number;
}

async function countsOf({ eventLog, ledger, projection }: FsckParts): Promise<Counts> {
  const heads = (await ledger.listStreams()).filter(
    ({ owner, stream }) => owner === ledger.owner && partitionOf(eventLog.name, stream) !== undefined,
  );
  const anchored = heads.reduce((sum, { batch }) => sum + batch.end, 0);
  const logged = await eventLog.ranges().then(
    (ranges) => ranges.reduce((sum, { end }) => sum + end, 0),
    () => anchored,
  );
  const { leaves, batches, events, duplicates } = await projection.counts();
  return { leaves, batches, blocks: await ledger.height(), events, duplicates, unanchored: logged - anchored };
}

function inWords({ clean, findings, ...counts }: Counts & { clean: boolean; findings: number }): string {
  const { leaves, batches, blocks, events, duplicates, unanchored } = counts;
  const verdict = clean
    ? "clean: log, ledger and projection agree"
    : `${findings} findings; see docs/runbooks/integrity.md`;
  return (
    `${verdict}\n${leaves} leaves in ${batches} batches in ${blocks} blocks; ` +
    `${events} events, ${duplicates} duplicates; ${unanchored} records wait to be anchored\n`
  );
}

/** Progress on one line of a terminal. */
function progressLine(cli: Cli): (progress: { part: Part; done: number; total: number }) => void {
  if (!cli.watched) return () => {};
  return ({ part, done, total }) => cli.err(`\r\u001b[Kchecking ${part} ${total > 1 ? `${done}/${total}` : ""}`);
}
