/** What applying one block will write: which of its events are new, under which seq, and what it adds to the totals. */
import { MedtraceError } from "@medtrace/shared/errors";
import { batchId } from "@medtrace/shared/model/batch";
import type { BlockUpdate, Incident, ProjectedBatch, ProjectedEvent } from "@medtrace/shared/ports/projection";
import { conflicts } from "../conflicts.ts";
import { eventTime_ms, refuseNoId } from "../limits.ts";
import { batchDocument, type EventPlace } from "./documents.ts";
import type { BatchDocument, IncidentDocument, StateDocument } from "./schema.ts";

export interface PlannedEvent {
  readonly event: ProjectedEvent;
  readonly place: EventPlace;
}

export interface Plan {
  readonly events: readonly PlannedEvent[];
  readonly batches: readonly BatchDocument[];
  readonly incidents: readonly IncidentDocument[];
  /** Members of the state that change. */
  readonly state: Partial<StateDocument>;
}

/**
 * Plans a block upon a state.
 *
 * @param stored bytes of those of its events' ids that are there already.
 * @throws MedtraceError INPUT_INVALID where an event's id or time is not of its form, INTEGRITY where the block holds one
 * batch twice.
 */
export function planBlock(update: BlockUpdate, state: StateDocument, stored: ReadonlyMap<string, Uint8Array>): Plan {
  const planning = new Planning(update.number, state, new Map(stored));
  for (const batch of update.batches) planning.add(batch);
  return planning.plan(update.hash);
}

class Planning {
  readonly #block: number;
  readonly #before: StateDocument;
  /** First bytes of every id that is there, or comes. */
  readonly #first: Map<string, Uint8Array>;
  readonly #events: PlannedEvent[] = [];
  readonly #batches = new Map<string, BatchDocument>();
  readonly #incidents: IncidentDocument[] = [];
  readonly #producers: Set<string>;
  #leaves = 0;
  #duplicates = 0;

  constructor(block: number, before: StateDocument, first: Map<string, Uint8Array>) {
    this.#block = block;
    this.#before = before;
    this.#first = first;
    this.#producers = new Set(before.producers);
  }

  add(projected: ProjectedBatch): void {
    const { owner, batch } = projected;
    const id = batchId({ owner, stream: batch.stream, sequence: batch.sequence });
    if (this.#batches.has(id)) throw anchoredTwice(id);
    for (const incident of projected.incidents) this.#record(incident);
    let duplicates = 0;
    for (const event of projected.events) duplicates += this.#addEvent(event, projected, id) ? 0 : 1;
    const seqEnd = this.#before.events + this.#events.length;
    this.#batches.set(id, batchDocument(projected, { block: this.#block, seqEnd, duplicates }));
    this.#leaves += batch.count;
    this.#duplicates += duplicates;
  }

  /** False where its id was there before. */
  #addEvent(event: ProjectedEvent, { owner, batch }: ProjectedBatch, batchName: string): boolean {
    const first = this.#first.get(event.id);
    if (first === undefined) {
      refuseNoId(event.id);
      const at = eventTime_ms(event);
      this.#first.set(event.id, event.bytes);
      this.#producers.add(event.institution);
      const seq = this.#before.events + this.#events.length;
      this.#events.push({ event, place: { seq, batch: batchName, at } });
      return true;
    }
    if (conflicts(first, event.bytes)) {
      const detail = `event ${event.id}, at offset ${event.offset}, has other source bytes than the first of its id`;
      const ref = { owner, stream: batch.stream, sequence: batch.sequence };
      this.#record({ kind: "conflict", batch: ref, detail });
    }
    return false;
  }

  #record({ kind, batch, detail }: Incident): void {
    const { owner, stream, sequence } = batch;
    const number = this.#before.incidents + this.#incidents.length;
    this.#incidents.push({ _id: number, block: this.#block, kind, batch: { owner, stream, sequence }, detail });
  }

  plan(hash: string): Plan {
    const before = this.#before;
    const known = this.#producers.size === before.producers.length;
    return {
      events: this.#events,
      batches: [...this.#batches.values()],
      incidents: this.#incidents,
      state: {
        block: this.#block,
        hash,
        events: before.events + this.#events.length,
        batches: before.batches + this.#batches.size,
        leaves: before.leaves + this.#leaves,
        duplicates: before.duplicates + this.#duplicates,
        incidents: before.incidents + this.#incidents.length,
        ...(known ? {} : { producers: [...this.#producers] }),
      },
    };
  }
}

export function anchoredTwice(batch: string): MedtraceError {
  return new MedtraceError("INTEGRITY", `batch ${batch} is anchored twice`, { hint: "check the ledger with fsck" });
}
