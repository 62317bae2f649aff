/** fsck: whether event log, ledger and projection agree, each checked by itself and against the others. */

import { type ProjectionFinding, verifyProjection } from "@medtrace/query/projector/verify-projection";
import { hasCode } from "@medtrace/shared/errors";
import { rangeLeaves } from "@medtrace/shared/log-range";
import { type Batch, batchHash, NO_BATCH, partitionOf } from "@medtrace/shared/model/batch";
import { hex } from "@medtrace/shared/model/bytes";
import { merkleRoot } from "@medtrace/shared/model/merkle";
import type { EventLog } from "@medtrace/shared/ports/event-log";
import type { Ledger, StreamHead } from "@medtrace/shared/ports/ledger";
import type { Projection } from "@medtrace/shared/ports/projection";
import type { Vault } from "@medtrace/shared/ports/vault";

export type Part = "event log" | "ledger" | "streams" | "receipts" | "projection";

export interface Finding {
  /** What is wrong, where it shows. */
  readonly part: Part;
  readonly what: string;
}

export interface FsckParts {
  readonly eventLog: EventLog;
  readonly ledger: Ledger;
  readonly projection: Projection;
  readonly vault: Vault;
}

export interface FsckOptions {
  readonly signal: AbortSignal;
  readonly onProgress: (progress: { readonly part: Part; readonly done: number; readonly total: number }) => void;
}

/** Every finding; none where all agree. Safe beside a running service: what arrives meanwhile is left out. */
export async function* fsck(parts: FsckParts, { signal, onProgress }: FsckOptions): AsyncGenerator<Finding> {
  onProgress({ part: "event log", done: 0, total: 1 });
  for await (const what of parts.eventLog.check(signal)) yield { part: "event log", what };

  onProgress({ part: "ledger", done: 0, total: 1 });
  for await (const what of parts.ledger.check(signal)) yield { part: "ledger", what };

  for await (const what of streamFaults(parts, (done, total) => onProgress({ part: "streams", done, total }), signal)) {
    yield { part: "streams", what };
  }
  for await (const what of receiptFaults(parts)) yield { part: "receipts", what };

  for (const { kind, batch, detail } of await parts.projection.incidents(100)) {
    yield { part: "projection", what: `incident ${kind} in ${batch.stream} ${batch.sequence}: ${detail}` };
  }
  const progress = ({ blocks, blocksTotal }: { blocks: number; blocksTotal: number }): void =>
    onProgress({ part: "projection", done: blocks, total: blocksTotal });
  for await (const finding of verifyProjection(parts, { signal, onProgress: progress })) {
    yield { part: "projection", what: inWords(finding) };
  }
}

/** Every stream from its first batch: contiguous, chained, and made from exactly the records that the log holds. */
async function* streamFaults(
  { eventLog, ledger }: FsckParts,
  onProgress: (done: number, total: number) => void,
  signal: AbortSignal,
): AsyncGenerator<string> {
  const heads = (await ledger.listStreams()).filter(
    ({ owner, stream }) => owner === ledger.owner && partitionOf(eventLog.name, stream) !== undefined,
  );
  const total = heads.reduce((sum, { batch }) => sum + batch.sequence + 1, 0);
  let done = 0;
  for (const head of heads) {
    let before: Batch | undefined;
    for (let sequence = 0; sequence <= head.batch.sequence; sequence++) {
      if (signal.aborted) return;
      const batch = await ledger.readBatch({ owner: head.owner, stream: head.stream, sequence });
      const fault =
        batch === undefined ? "is missing" : ((await batchFault(eventLog, head, batch, before)) ?? undefined);
      if (fault !== undefined) yield `batch ${head.owner}:${head.stream}:${sequence} ${fault}`;
      before = batch;
      onProgress(++done, total);
    }
  }
}

async function batchFault(
  eventLog: EventLog,
  { stream }: StreamHead,
  batch: Batch,
  before: Batch | undefined,
): Promise<string | undefined> {
  if (batch.previous !== (before === undefined ? NO_BATCH : batchHash(before))) return "does not name the one before";
  if (before !== undefined && batch.first !== before.end)
    return `begins at ${batch.first}, the one before ends at ${before.end}`;
  try {
    const leaves = await rangeLeaves(eventLog, partitionOf(eventLog.name, stream) ?? 0, batch.first, batch.end);
    if (leaves.length !== batch.count) return `anchors ${batch.count} records, the log has ${leaves.length}`;
    return hex(merkleRoot(leaves)) === batch.root ? undefined : "has another root than the log's records give";
  } catch (error) {
    if (!hasCode(error, "INTEGRITY")) throw error;
    return `cannot be checked: ${error.message}`;
  }
}

/** A log that ends before what was acknowledged has lost something. */
async function* receiptFaults({ eventLog, vault }: FsckParts): AsyncGenerator<string> {
  const watermarks = await vault.watermarks();
  try {
    for (const { partition, end } of await eventLog.ranges()) {
      const covered = watermarks.get(partition) ?? 0;
      if (covered > end) yield `partition ${partition} was acknowledged up to ${covered}, the log ends at ${end}`;
    }
  } catch (error) {
    if (!hasCode(error, "INTEGRITY")) throw error;
    yield `the log's ends cannot be read: ${error.message}`;
  }
}

function inWords(finding: ProjectionFinding): string {
  if (finding.kind === "more") return "there are more findings than are told";
  if (finding.kind === "unreadable") return finding.detail;
  const row = finding.kind === "extra" ? finding.live : finding.expected;
  return `table ${finding.table}: a row is ${finding.kind}: ${(row ?? "").slice(0, 160)}`;
}
