/** Reading stored rows back into the port's shapes; a row that was edited into nonsense is refused. */
import type { DatabaseSync, SQLOutputValue, StatementSync } from "node:sqlite";
import { MedtraceError } from "@medtrace/shared/errors";
import { type Batch, type BatchRef, batchFaults, batchId } from "@medtrace/shared/model/batch";
import { hex } from "@medtrace/shared/model/bytes";
import type {
  Derivation,
  Incident,
  StoredBatch,
  StoredDerivation,
  StoredEvent,
} from "@medtrace/shared/ports/projection";
import { EVENT_ID } from "../limits.ts";
import { eventKey, RELATIONS } from "./schema.ts";

const ID_BYTES = 32;

export type Row = Record<string, SQLOutputValue>;

const EVENT = `SELECT e.seq, e.id, e.leaf, e.place, e.at, e.bytes, b.owner, b.stream, b.sequence
  FROM event e JOIN batch b ON b.id = e.batch`;

export class Rows {
  readonly #bySeq: StatementSync;
  readonly #byId: StatementSync;
  readonly #from: StatementSync;
  readonly #batch: StatementSync;
  readonly #batches: StatementSync;
  readonly #tree: StatementSync;
  readonly #incidents: StatementSync;

  constructor(db: DatabaseSync) {
    this.#bySeq = db.prepare(`${EVENT} WHERE e.seq = ?`);
    this.#byId = db.prepare(`${EVENT} WHERE e.key = ? AND e.id = ?`);
    this.#from = db.prepare(`${EVENT} WHERE e.seq >= ? ORDER BY e.seq LIMIT ?`);
    this.#batch = db.prepare("SELECT * FROM batch WHERE owner = ? AND stream = ? AND sequence = ?");
    this.#batches = db.prepare(
      "SELECT * FROM batch WHERE owner = ? AND stream = ? AND sequence < ? ORDER BY sequence DESC LIMIT ?",
    );
    this.#tree = db.prepare("SELECT tree FROM batch WHERE owner = ? AND stream = ? AND sequence = ?");
    this.#incidents = db.prepare("SELECT * FROM incident ORDER BY number DESC LIMIT ?");
  }

  eventAt(seq: number): StoredEvent | undefined {
    const row = this.#bySeq.get(seq);
    return row === undefined ? undefined : storedEvent(row);
  }

  eventsFrom(seq: number, limit: number): StoredEvent[] {
    return this.#from.all(seq, limit).map(storedEvent);
  }

  event(id: string): StoredEvent | undefined {
    if (!EVENT_ID.test(id)) return undefined;
    const bytes = Buffer.from(id, "hex");
    const row = this.#byId.get(eventKey(bytes), bytes);
    return row === undefined ? undefined : storedEvent(row);
  }

  batch(ref: BatchRef): StoredBatch | undefined {
    const row = this.#batch.get(ref.owner, ref.stream, ref.sequence);
    return row === undefined ? undefined : storedBatch(row);
  }

  batches(owner: string, stream: string, limit: number, before: number): StoredBatch[] {
    return this.#batches.all(owner, stream, before, limit).map(storedBatch);
  }

  tree(ref: BatchRef): Uint8Array | undefined {
    return this.#tree.get(ref.owner, ref.stream, ref.sequence)?.["tree"] as Uint8Array | undefined;
  }

  incidents(limit: number): (Incident & { readonly block: number })[] {
    return this.#incidents.all(limit).map((row) => ({ ...storedIncident(row), block: row["block"] as number }));
  }
}

export function storedEvent(row: Row): StoredEvent {
  return {
    seq: row["seq"] as number,
    id: eventId(row["id"]),
    ref: { owner: row["owner"] as string, stream: row["stream"] as string, sequence: row["sequence"] as number },
    index: row["leaf"] as number,
    offset: row["place"] as number,
    bytes: row["bytes"] as Uint8Array,
    at: timeText(row["at"]),
  };
}

export function storedBatch(row: Row): StoredBatch {
  const ref = { owner: row["owner"] as string, stream: row["stream"] as string, sequence: row["sequence"] as number };
  const batch = fromJson(row["body"]);
  const faults = batchFaults(batch);
  if (faults.length > 0) throw edited(`batch ${batchId(ref)}: ${faults.join("; ")}`);
  return {
    owner: ref.owner,
    batch: batch as Batch,
    transaction: row["tx"] as string,
    block: row["block"] as number,
    verified: row["verified"] === 1,
    duplicates: row["duplicates"] as number,
  };
}

export function storedIncident(row: Row): Incident {
  const batch = { owner: row["owner"] as string, stream: row["stream"] as string, sequence: row["sequence"] as number };
  return { kind: row["kind"] as Incident["kind"], batch, detail: row["detail"] as string };
}

export function storedDerivation(row: Row): StoredDerivation {
  return {
    from: row["from_record"] as string,
    to: row["to_record"] as string,
    relation: relationOf(row["relation"]),
    event: eventId(row["id"]),
    institution: row["institution"] as string,
    recipients: recipientsOf(row["recipients"]),
  };
}

export function eventId(value: SQLOutputValue | undefined): string {
  if (value instanceof Uint8Array && value.length === ID_BYTES) return hex(value);
  throw edited("an event has no id");
}

export function relationOf(value: SQLOutputValue | undefined): Derivation["relation"] {
  const relation = RELATIONS[value as number];
  if (relation === undefined) throw edited(`there is no relation ${value}`);
  return relation;
}

export function recipientsOf(value: SQLOutputValue | undefined): readonly string[] {
  if (value === null) return [];
  const recipients = fromJson(value);
  if (!Array.isArray(recipients) || recipients.some((name) => typeof name !== "string")) {
    throw edited("an event's recipients are not a list of names");
  }
  return recipients;
}

/** UTC text of milliseconds since 1970. */
export function timeText(ms: SQLOutputValue | undefined): string {
  const time = new Date(ms as number);
  if (Number.isNaN(time.getTime())) throw edited(`${ms} is no time`);
  return time.toISOString();
}

function fromJson(value: SQLOutputValue | undefined): unknown {
  try {
    return JSON.parse(value as string);
  } catch (cause) {
    throw edited("a column that holds JSON does not", cause);
  }
}

function edited(what: string, cause?: unknown): MedtraceError {
  return new MedtraceError("INTEGRITY", `the projection was changed outside medtrace: ${what}`, {
    hint: "run fsck, then rebuild",
    cause,
  });
}
