/** fsck's look at the projection: ledger and log replayed into a fresh one, and the two compared row by row. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openProjection } from "@medtrace/engines/projection/open";
import { hasCode } from "@medtrace/shared/errors";
import type { EventLog } from "@medtrace/shared/ports/event-log";
import type { Ledger } from "@medtrace/shared/ports/ledger";
import type { Projection } from "@medtrace/shared/ports/projection";
import { checkpointOf } from "@medtrace/shared/projection-content";
import { type ContentFinding, compareContent } from "./compare-content.ts";
import { type ReplayProgress, replayTo } from "./replay.ts";

/** Findings beyond these are not told one by one: the first shows what happened, and rebuild mends them all. */
export const FINDINGS_MAX = 1_000;

export type ProjectionFinding =
  | ContentFinding
  /** The comparison could not be made, or not to its end; the reason in words. */
  | { readonly kind: "unreadable"; readonly detail: string }
  | { readonly kind: "more" };

export interface VerifyParts {
  readonly eventLog: EventLog;
  readonly ledger: Ledger;
  readonly projection: Projection;
  readonly owner?: string;
}

export interface VerifyOptions {
  readonly signal: AbortSignal;
  /** Told while ledger and log are replayed. */
  readonly onProgress?: (progress: ReplayProgress) => void;
}

/**
 * Every row in which the projection is not what ledger and log give for the blocks up to its checkpoint; none where
 * it is sound. Safe beside a running projector. Needs as much temporary disk as the projection has.
 *
 * @throws what ledger and log throw when they cannot be reached; the signal's reason where it aborts.
 */
export async function* verifyProjection(parts: VerifyParts, options: VerifyOptions): AsyncGenerator<ProjectionFinding> {
  const folder = await mkdtemp(join(tmpdir(), "medtrace-fsck-"));
  try {
    await using fresh = await openProjection(`embedded:${folder}`);
    yield* findings(parts, fresh, options);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function* findings(
  { projection, ...sources }: VerifyParts,
  fresh: Projection,
  options: VerifyOptions,
): AsyncGenerator<ProjectionFinding> {
  const replay = async (block: number): Promise<void> => {
    const height = Math.min(block + 1, await sources.ledger.height());
    await replayTo(height, { ...sources, projection: fresh }, options);
  };
  let told = 0;
  try {
    // Most of it before the snapshot is taken, so that the projection need not keep it for long.
    await replay((await projection.checkpoint())?.block ?? -1);
    const live = projection.content()[Symbol.asyncIterator]();
    try {
      const first = (await live.next()).value as string;
      await replay(checkpointOf(first)?.block ?? -1);
      for await (const finding of compareContent(prepend(first, live), fresh.content()[Symbol.asyncIterator]())) {
        options.signal.throwIfAborted();
        if (told++ < FINDINGS_MAX) yield finding;
        else return yield { kind: "more" };
      }
    } finally {
      await live.return?.();
    }
  } catch (error) {
    if (!hasCode(error, "INTEGRITY")) throw error;
    yield { kind: "unreadable", detail: error.message };
  }
}

async function* prepend(first: string, rest: AsyncIterator<string>): AsyncGenerator<string> {
  yield first;
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
}
