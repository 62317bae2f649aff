/** The projector: follows the ledger's blocks from its own checkpoint, checks every batch, and applies block by block. */
import { MedtraceError } from "@medtrace/shared/errors";
import { partitionOf } from "@medtrace/shared/model/batch";
import type { DeadLetter } from "@medtrace/shared/model/dead-letter";
import type { EventLog } from "@medtrace/shared/ports/event-log";
import type { Ledger, LedgerBlock } from "@medtrace/shared/ports/ledger";
import type { BlockUpdate, Checkpoint, ProjectedBatch, Projection } from "@medtrace/shared/ports/projection";
import { type AnchoredBatch, checkBatch } from "./check-batch.ts";

export interface ProjectorParts {
  readonly eventLog: EventLog;
  readonly ledger: Ledger;
  readonly projection: Projection;
  /** MSP id whose streams are this log's; by default the ledger connection's own. */
  readonly owner?: string;
  /** Stop once this block is applied; by default follow the ledger until the signal aborts. */
  readonly blockLast?: number;
  /** Told of each block once it is applied. */
  readonly onApplied?: (update: BlockUpdate) => void | Promise<void>;
  /** Told of records that could not be projected, before the block that has them is applied; maybe more than once. */
  readonly onDead?: (letters: readonly DeadLetter[]) => Promise<void>;
  /** Does the applying of a block; for traces. */
  readonly around?: (traced: TracedUpdate, apply: () => Promise<void>) => Promise<void>;
}

export interface TracedUpdate {
  readonly update: BlockUpdate;
  /** W3C traceparents of the records in it. */
  readonly traces: ReadonlySet<string>;
  readonly dead: readonly DeadLetter[];
}

/**
 * Projects until the signal aborts, or `blockLast` is applied. While one block is applied the next is already read.
 *
 * Streams of other owners, or of other logs, are passed over and not recorded: their content is elsewhere, so that
 * nothing could be said of them but that they exist, which the ledger itself says.
 *
 * @throws MedtraceError INTEGRITY when the ledger is not the one that the projection was made from; otherwise what the
 * ports throw. A batch that does not agree with the log stops nothing: it is applied as an incident.
 */
export async function runProjector(parts: ProjectorParts, signal: AbortSignal): Promise<void> {
  const { projection, blockLast = Number.MAX_SAFE_INTEGER, onApplied } = parts;
  const checkpoint = await projection.checkpoint();
  if ((checkpoint?.block ?? -1) >= blockLast) return;
  // Ends the ledger's stream also where this run ends by itself.
  const over = new AbortController();
  const updates = blockUpdates(parts, checkpoint, AbortSignal.any([signal, over.signal]));
  try {
    for (let next = readAhead(updates); ; ) {
      const { value: traced, done } = await next;
      if (done === true || signal.aborted) return;
      const { update, dead } = traced;
      if (update.number < blockLast) next = readAhead(updates);
      if (dead.length > 0) await parts.onDead?.(dead);
      await (parts.around?.(traced, () => projection.apply(update)) ?? projection.apply(update));
      await onApplied?.(update);
      if (update.number >= blockLast) return;
    }
  } finally {
    over.abort();
    await updates.return(undefined);
  }
}

function readAhead(updates: AsyncGenerator<TracedUpdate>): Promise<IteratorResult<TracedUpdate>> {
  const next = updates.next();
  // It is awaited later, or never where applying fails first.
  next.catch(() => undefined);
  return next;
}

async function* blockUpdates(
  parts: ProjectorParts,
  checkpoint: Checkpoint | undefined,
  signal: AbortSignal,
): AsyncGenerator<TracedUpdate, undefined> {
  let before = checkpoint;
  if (checkpoint !== undefined && (await parts.ledger.height()) <= checkpoint.block) throw otherLedger(checkpoint);
  for await (const block of parts.ledger.blocks(checkpoint?.block ?? 0, signal)) {
    if (block.number === checkpoint?.block) {
      if (block.hash !== checkpoint.hash) throw otherLedger(checkpoint);
      continue;
    }
    if (before !== undefined && block.previous !== before.hash) throw otherLedger(before);
    const batches: ProjectedBatch[] = [];
    const traces = new Set<string>();
    const dead: DeadLetter[] = [];
    for (const anchored of ownBatches(parts, block)) {
      const checked = await checkBatch(parts.eventLog, anchored);
      batches.push(checked.projected);
      for (const trace of checked.traces) traces.add(trace);
      dead.push(...checked.dead);
    }
    yield { update: { number: block.number, hash: block.hash, batches }, traces, dead };
    before = { block: block.number, hash: block.hash };
  }
}

function ownBatches({ eventLog, ledger, owner = ledger.owner }: ProjectorParts, block: LedgerBlock): AnchoredBatch[] {
  return block.transactions.flatMap(({ id, anchored }) =>
    anchored?.owner === owner && partitionOf(eventLog.name, anchored.batch.stream) !== undefined
      ? [{ ...anchored, transaction: id }]
      : [],
  );
}

function otherLedger(checkpoint: Checkpoint): MedtraceError {
  return new MedtraceError(
    "INTEGRITY",
    `the ledger does not hold block ${checkpoint.block} as the projection was made from it (hash ${checkpoint.hash})`,
    { hint: "point both to the same ledger, or run medtrace rebuild; see docs/runbooks/integrity.md" },
  );
}
