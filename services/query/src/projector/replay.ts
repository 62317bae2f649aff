/** Replaying a whole ledger into a projection: making it anew. */
import type { Projection, ProjectionCounts } from "@medtrace/shared/ports/projection";
import { type ProjectorParts, runProjector } from "./projector.ts";

export interface ReplayProgress {
  /** Blocks applied. */
  readonly blocks: number;
  /** Blocks to apply. */
  readonly blocksTotal: number;
  readonly events: number;
}

export interface ReplayOptions {
  readonly signal: AbortSignal;
  readonly onProgress?: (progress: ReplayProgress) => void;
}

type Parts = Pick<ProjectorParts, "eventLog" | "ledger" | "owner"> & { readonly projection: Projection };

/**
 * Applies every block from the projection's checkpoint up to `height` (exclusive).
 *
 * @throws as {@link runProjector} does; the signal's reason where it aborts.
 */
export async function replayTo(height: number, parts: Parts, { signal, onProgress }: ReplayOptions): Promise<void> {
  let events = (await parts.projection.counts()).events;
  await runProjector(
    {
      ...parts,
      blockLast: height - 1,
      onApplied: ({ number, batches }) => {
        for (const batch of batches) events += batch.events.length;
        onProgress?.({ blocks: number + 1, blocksTotal: height, events });
      },
    },
    signal,
  );
  signal.throwIfAborted();
}

/**
 * Drops the projection and replays it to the ledger's height of now; resolves with what it then holds. Whoever calls
 * holds the projector's lock.
 *
 * @throws as {@link replayTo} does; the projection is then part of the way, and the projector goes on from there.
 */
export async function rebuildProjection(parts: Parts, options: ReplayOptions): Promise<ProjectionCounts> {
  const height = await parts.ledger.height();
  await parts.projection.reset();
  await replayTo(height, parts, options);
  return parts.projection.counts();
}
