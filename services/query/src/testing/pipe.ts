/** Event log, ledger and projection over a temporary folder, for tests of what lies between them. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openEventLog } from "@medtrace/engines/event-log/open";
import { openLedger } from "@medtrace/engines/ledger/open";
import { openProjection } from "@medtrace/engines/projection/open";
import { type EngineSettings, engineSettings } from "@medtrace/shared/config";
import { rangeLeaves } from "@medtrace/shared/log-range";
import { BATCH_FORMAT, type Batch, batchHash, NO_BATCH, streamName } from "@medtrace/shared/model/batch";
import { hex, sha256, utf8 } from "@medtrace/shared/model/bytes";
import { merkleRoot } from "@medtrace/shared/model/merkle";
import { eventBytes, type TraceEvent } from "@medtrace/shared/model/trace-event";
import type { EventLog } from "@medtrace/shared/ports/event-log";
import type { Ledger } from "@medtrace/shared/ports/ledger";
import type { Projection } from "@medtrace/shared/ports/projection";

export interface Pipe extends AsyncDisposable {
  readonly settings: EngineSettings;
  readonly eventLog: EventLog;
  readonly ledger: Ledger;
  readonly projection: Projection;
  /** Appends values under one key, so that all land in one stream; resolves with its partition. */
  append(...values: readonly Uint8Array[]): Promise<number>;
  /** Anchors what every stream has beyond its head, in batches of at most `count`. */
  anchor(count?: number): Promise<void>;
}

export async function startPipe(): Promise<Pipe> {
  const folder = await mkdtemp(join(tmpdir(), "medtrace-pipe-"));
  const settings = engineSettings({ MEDTRACE_DATA: folder });
  const eventLog = await openEventLog(settings.eventLogUrl);
  const ledger = await openLedger(settings.ledgerUrl, { owner: settings.ledgerOwner });
  const projection = await openProjection(settings.projectionUrl);
  return {
    settings,
    eventLog,
    ledger,
    projection,
    async append(...values) {
      const [position] = await eventLog.append(values.map((value) => ({ key: "one stream", value })));
      return position?.partition ?? 0;
    },
    async anchor(count = 1_000) {
      for (const { partition } of await eventLog.ranges()) {
        for (let batch = await nextBatch(eventLog, ledger, partition, count); batch !== undefined; ) {
          await ledger.anchorBatch(batch);
          batch = await nextBatch(eventLog, ledger, partition, count);
        }
      }
    },
    async [Symbol.asyncDispose]() {
      for (const engine of [projection, ledger, eventLog]) await engine[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** The batch that would follow the stream's head; undefined where the log has nothing beyond it. */
export async function nextBatch(
  eventLog: EventLog,
  ledger: Ledger,
  partition: number,
  count: number,
): Promise<Batch | undefined> {
  const stream = streamName(eventLog.name, partition);
  const head = (await ledger.readHead(ledger.owner, stream))?.batch;
  const first = head?.end ?? 0;
  const logEnd = (await eventLog.ranges())[partition]?.end ?? 0;
  if (logEnd <= first) return undefined;
  const end = Math.min(logEnd, first + count);
  const leaves = await rangeLeaves(eventLog, partition, first, end);
  return {
    format: BATCH_FORMAT,
    stream,
    sequence: (head?.sequence ?? -1) + 1,
    first,
    end,
    count: leaves.length,
    root: hex(merkleRoot(leaves)),
    previous: head === undefined ? NO_BATCH : batchHash(head),
  };
}

/** A sound trace event; `name` gives its id, `changes` replace members. */
export function traceEvent(name: string, changes: Partial<TraceEvent> = {}): TraceEvent {
  const id = hex(sha256(utf8(name)));
  const time = { given: "2026-03-01T09:00:00+01:00", utc: "2026-03-01T08:00:00.000Z" };
  return {
    format: 1,
    id,
    institution: "hospital-a",
    source: { format: "fhir-r4", type: "AuditEvent", system: "ehr", digest: `hmac-sha256:${id}`, index: 0, flags: [] },
    activity: { kind: "read", codes: [{ code: "rest" }] },
    outcome: "success",
    recorded: time,
    received: time,
    purposes: [{ code: "TREAT" }],
    breakGlass: false,
    consents: [],
    agents: [{ id: "hospital-a/Practitioner/1", kind: "person", roles: ["author"], requestor: true }],
    records: [{ id: "hospital-a/Observation/1", type: "Observation", role: "used" }],
    recipients: [],
    subjects: ["token-1"],
    joins: [],
    sealed: { alg: "A256GCM", subject: "token-1", iv: "AAAAAAAAAAAAAAAA", data: "AAAA" },
    nonce: id,
    ...changes,
  };
}

export function traceBytes(name: string, changes: Partial<TraceEvent> = {}): Uint8Array {
  return eventBytes(traceEvent(name, changes));
}

/** The content of a projection, line by line. */
export async function contentOf(projection: Projection): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of projection.content()) lines.push(line);
  return lines;
}
