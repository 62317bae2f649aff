/** Applying blocks: everything of one block, and the checkpoint, in one transaction. */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { MedtraceError } from "@medtrace/shared/errors";
import { batchId } from "@medtrace/shared/model/batch";
import { canonicalText, type Json } from "@medtrace/shared/model/canonical";
import type { BlockUpdate, Incident, ProjectedBatch, ProjectedEvent } from "@medtrace/shared/ports/projection";
import { conflicts } from "../conflicts.ts";
import { eventIdBytes, eventTime_ms } from "../limits.ts";
import { EVERY_EVENT, eventKey, producedView, RELATIONS, receivedView, TERM_KIND } from "./schema.ts";
import { TermWriter } from "./terms.ts";

/** Running totals; `events` is the next seq, `batches` the next batch's number, `incidents` the next incident's. */
interface Totals {
  block: number;
  events: number;
  batches: number;
  leaves: number;
  duplicates: number;
  incidents: number;
}

const NOTHING: Totals = { block: -1, events: 0, batches: 0, leaves: 0, duplicates: 0, incidents: 0 };

export class Writer {
  readonly #db: DatabaseSync;
  readonly #terms: TermWriter;
  readonly #sql: ReturnType<typeof statements>;
  #dataVersion: unknown;

  constructor(db: DatabaseSync) {
    this.#db = db;
    this.#terms = new TermWriter(db);
    this.#sql = statements(db);
  }

  /**
   * Applies one block, or nothing of it.
   *
   * @throws MedtraceError as Projection.apply does; SQLite's errors as they are.
   */
  apply(update: BlockUpdate): void {
    this.#db.exec("BEGIN IMMEDIATE");
    try {
      this.#noticeOthers();
      const last = this.#sql.checkpoint.get() as unknown as Totals | undefined;
      if (update.number > (last?.block ?? -1)) this.#applyNext(update, last ?? NOTHING);
      this.#db.exec("COMMIT");
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec("ROLLBACK");
      this.#terms.forget();
      throw error;
    }
  }

  /** Must follow every change of the tables that was not made by {@link apply}. */
  forget(): void {
    this.#terms.forget();
  }

  /** Another connection may have reset or applied since: then nothing remembered can be relied on. */
  #noticeOthers(): void {
    const version = this.#sql.dataVersion.get()?.["data_version"];
    if (version !== this.#dataVersion) this.#terms.forget();
    this.#dataVersion = version;
  }

  #applyNext(update: BlockUpdate, last: Totals): void {
    if (update.number !== last.block + 1) {
      throw new MedtraceError("INTEGRITY", `block ${update.number} cannot follow block ${last.block}`, {
        hint: "apply every block of the ledger in order, or rebuild the projection",
      });
    }
    const totals = { ...last, block: update.number };
    for (const batch of update.batches) this.#applyBatch(batch, totals);
    const { block, events, batches, leaves, duplicates, incidents } = totals;
    this.#sql.setCheckpoint.run(block, update.hash, events, batches, leaves, duplicates, incidents);
  }

  #applyBatch(projected: ProjectedBatch, totals: Totals): void {
    const { owner, batch, transaction, verified, tree } = projected;
    if (this.#sql.batchThere.get(owner, batch.stream, batch.sequence) !== undefined) {
      const id = batchId({ owner, stream: batch.stream, sequence: batch.sequence });
      throw new MedtraceError("INTEGRITY", `batch ${id} is anchored twice`, { hint: "check the ledger with fsck" });
    }
    for (const incident of projected.incidents) this.#recordIncident(incident, totals);
    const before = totals.duplicates;
    for (const event of projected.events) this.#applyEvent(event, projected, totals);
    const duplicates = totals.duplicates - before;
    const body = canonicalText(batch as unknown as Json);
    const place = [totals.batches, owner, batch.stream, batch.sequence, totals.block, totals.events] as const;
    this.#sql.addBatch.run(...place, Number(verified), duplicates, transaction, body, tree);
    totals.batches += 1;
    totals.leaves += batch.count;
  }

  #applyEvent(event: ProjectedEvent, { owner, batch }: ProjectedBatch, totals: Totals): void {
    const id = eventIdBytes(event.id);
    const key = eventKey(id);
    const there = this.#sql.eventThere.get(key, id);
    if (there !== undefined) {
      totals.duplicates += 1;
      if (conflicts(there["bytes"] as Uint8Array, event.bytes)) {
        const detail = `event ${event.id}, at offset ${event.offset}, has other source bytes than the first of its id`;
        const ref = { owner, stream: batch.stream, sequence: batch.sequence };
        this.#recordIncident({ kind: "conflict", batch: ref, detail }, totals);
      }
      return;
    }
    const seq = totals.events++;
    const at = eventTime_ms(event);
    const institution = this.#terms.intern(TERM_KIND.institution, event.institution);
    const recipients = event.recipients.length === 0 ? null : JSON.stringify(event.recipients);
    const place = [seq, key, totals.batches, event.index, event.offset, at, institution] as const;
    this.#sql.addEvent.run(...place, recipients, id, event.bytes);
    this.#addEntries(event, institution, at, seq);
    this.#addEdges(event, seq);
  }

  #addEntries(event: ProjectedEvent, institution: number, at: number, seq: number): void {
    const views = [producedView(institution)];
    for (const recipient of event.recipients) {
      if (recipient === event.institution) continue;
      views.push(receivedView(this.#terms.intern(TERM_KIND.institution, recipient)));
    }
    for (const view of views) this.#sql.addEntry.run(EVERY_EVENT, view, at, seq);
    for (const facet of event.facets) {
      const term = this.#terms.intern(TERM_KIND[facet.kind], facet.value);
      for (const view of views) this.#sql.addEntry.run(term, view, at, seq);
    }
  }

  #addEdges(event: ProjectedEvent, seq: number): void {
    for (const { from, to, relation } of event.derivations) {
      const source = this.#terms.intern(TERM_KIND.record, from);
      const target = this.#terms.intern(TERM_KIND.record, to);
      this.#sql.addDerivation.run(source, seq, target, RELATIONS.indexOf(relation));
    }
    for (const [a, b] of event.joins) {
      this.#sql.addJoin.run(a, b, seq);
      this.#sql.addJoin.run(b, a, seq);
    }
  }

  #recordIncident({ kind, batch, detail }: Incident, totals: Totals): void {
    const { owner, stream, sequence } = batch;
    this.#sql.addIncident.run(totals.incidents++, totals.block, kind, owner, stream, sequence, detail);
  }
}

/** Facets, edges and joins that an event repeats are ignored; everything else must be new. */
function statements(
  db: DatabaseSync,
): Record<
  | "dataVersion"
  | "checkpoint"
  | "setCheckpoint"
  | "batchThere"
  | "addBatch"
  | "eventThere"
  | "addEvent"
  | "addEntry"
  | "addDerivation"
  | "addJoin"
  | "addIncident",
  StatementSync
> {
  const insert = (table: string, columns: number, or = ""): StatementSync =>
    db.prepare(`INSERT ${or} INTO ${table} VALUES (${Array(columns).fill("?").join(", ")})`);
  return {
    dataVersion: db.prepare("PRAGMA data_version"),
    checkpoint: db.prepare("SELECT block, events, batches, leaves, duplicates, incidents FROM checkpoint"),
    setCheckpoint: db.prepare("INSERT OR REPLACE INTO checkpoint VALUES (1, ?, ?, ?, ?, ?, ?, ?)"),
    batchThere: db.prepare("SELECT 1 FROM batch WHERE owner = ? AND stream = ? AND sequence = ?"),
    addBatch: insert("batch", 11),
    eventThere: db.prepare("SELECT bytes FROM event WHERE key = ? AND id = ?"),
    addEvent: insert("event", 10),
    addEntry: insert("entry", 4, "OR IGNORE"),
    addDerivation: insert("derivation", 4, "OR IGNORE"),
    addJoin: insert("joined", 3, "OR IGNORE"),
    addIncident: insert("incident", 7),
  };
}
