/**
 * One anchored batch against the event log: its range read again, hashed, and compared with the root that the ledger
 * has. Only a batch that agrees has events; one that does not is kept as an incident.
 */
import { hasCode } from "@medtrace/shared/errors";
import { leafOf, rangeEntries } from "@medtrace/shared/log-range";
import { type Batch, type BatchRef, partitionOf } from "@medtrace/shared/model/batch";
import { type Bytes, hex } from "@medtrace/shared/model/bytes";
import { DEAD_LETTER_FORMAT, type DeadLetter } from "@medtrace/shared/model/dead-letter";
import { merkleLevels } from "@medtrace/shared/model/merkle";
import type { EventLog, LogEntry } from "@medtrace/shared/ports/event-log";
import type { Incident, ProjectedBatch, ProjectedEvent } from "@medtrace/shared/ports/projection";
import { read } from "./project.ts";

/** More than any ledger-writer puts into one batch; what claims to be larger is not read into memory. */
export const BATCH_LEAVES_MAX = 262_144;
export const BATCH_BYTES_MAX: number = 256 * 1_048_576;
/** Of one batch: events that cannot be read, each with an incident of its own; the others are counted in one more. */
const UNREADABLE_MAX = 100;

/** A batch as its ledger transaction has it. */
export interface AnchoredBatch {
  readonly owner: string;
  readonly batch: Batch;
  readonly transaction: string;
}

export interface CheckedBatch {
  readonly projected: ProjectedBatch;
  /** W3C traceparents of its records, where the log kept them. */
  readonly traces: ReadonlySet<string>;
  /** Of its records, those that are no trace events. */
  readonly dead: readonly DeadLetter[];
}

/**
 * Checks a batch of this log's streams and projects its events.
 *
 * @throws whatever the log throws, INTEGRITY excepted: a log that cannot be reached says nothing about the batch.
 */
export async function checkBatch(log: EventLog, anchored: AnchoredBatch): Promise<CheckedBatch> {
  const { owner, batch } = anchored;
  const ref: BatchRef = { owner, stream: batch.stream, sequence: batch.sequence };
  const found = await readRange(log, batch);
  if (typeof found === "string") return refuted(anchored, { kind: "range-unreadable", batch: ref, detail: found });
  const mismatch = mismatchOf(batch, found);
  if (mismatch !== undefined) return refuted(anchored, { kind: "root-mismatch", batch: ref, detail: mismatch });
  const { events, incidents, dead } = projectEntries(found.entries, ref);
  const projected = { ...anchored, verified: true, tree: Buffer.concat(found.levels.flat()), events, incidents };
  return { projected, traces: tracesOf(found.entries), dead };
}

interface Range {
  readonly entries: readonly LogEntry[];
  readonly levels: readonly (readonly Bytes[])[];
}

/** The range with its tree, or why it cannot be read. */
async function readRange(log: EventLog, batch: Batch): Promise<Range | string> {
  const partition = partitionOf(log.name, batch.stream);
  if (partition === undefined || partition >= log.partitions) {
    return `the log ${log.name} has ${log.partitions} partitions, and none for stream ${batch.stream}`;
  }
  const entries: LogEntry[] = [];
  let bytes = 0;
  try {
    for await (const chunk of rangeEntries(log, partition, batch.first, batch.end)) {
      for (const entry of chunk) bytes += entry.value.length;
      entries.push(...chunk);
      if (entries.length > BATCH_LEAVES_MAX || bytes > BATCH_BYTES_MAX) {
        return `the range ${batch.first} to ${batch.end} is over ${BATCH_LEAVES_MAX} records or ${BATCH_BYTES_MAX} bytes`;
      }
      // More records than the ledger counts cannot give its root.
      if (entries.length > batch.count) break;
    }
  } catch (error) {
    if (!hasCode(error, "INTEGRITY")) throw error;
    return `the log refuses the range ${batch.first} to ${batch.end} of partition ${partition}: ${error.message}`;
  }
  return { entries, levels: merkleLevels(entries.map(leafOf)) };
}

function mismatchOf(batch: Batch, { entries, levels }: Range): string | undefined {
  const range = `${batch.first} to ${batch.end}`;
  if (entries.length !== batch.count) {
    const records = entries.length > batch.count ? `more than ${batch.count}` : String(entries.length);
    return `the log has ${records} records in ${range}, and the ledger anchored ${batch.count}`;
  }
  const root = hex(levels.at(-1)?.[0] ?? new Uint8Array(0));
  return root === batch.root
    ? undefined
    : `the log's records ${range} give root ${root}, and the ledger has ${batch.root}`;
}

function refuted(anchored: AnchoredBatch, incident: Incident): CheckedBatch {
  const projected = { ...anchored, verified: false, tree: new Uint8Array(0), events: [], incidents: [incident] };
  return { projected, traces: new Set(), dead: [] };
}

function tracesOf(entries: readonly LogEntry[]): ReadonlySet<string> {
  const traces = new Set<string>();
  for (const { trace } of entries) if (trace !== undefined) traces.add(trace);
  return traces;
}

/** Events of a verified range; bytes that are no trace event stay provable leaves, and are told of. */
function projectEntries(
  entries: readonly LogEntry[],
  batch: BatchRef,
): { readonly events: ProjectedEvent[]; readonly incidents: Incident[]; readonly dead: DeadLetter[] } {
  const events: ProjectedEvent[] = [];
  const incidents: Incident[] = [];
  const dead: DeadLetter[] = [];
  for (const [index, { partition, offset, value }] of entries.entries()) {
    const found = read(value, index, offset);
    if (!("fault" in found)) {
      events.push(found.projected);
      continue;
    }
    dead.push({ format: DEAD_LETTER_FORMAT, stream: batch.stream, partition, offset, reason: found.fault });
    if (dead.length > UNREADABLE_MAX) continue;
    const detail = `the record at offset ${offset} is no trace event: ${found.fault}`;
    incidents.push({ kind: "unreadable-event", batch, detail });
  }
  if (dead.length > UNREADABLE_MAX) {
    const detail = `${dead.length - UNREADABLE_MAX} more records of this batch are no trace events`;
    incidents.push({ kind: "unreadable-event", batch, detail });
  }
  return { events, incidents, dead };
}
