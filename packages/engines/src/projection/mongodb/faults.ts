/**
 * Faults of what no line of the content shows: keys that events are found by, indexes, documents that nothing counts.
 * Together with the lines they cover every member of every document.
 */
import { isDeepStrictEqual } from "node:util";
import { BSON, type Db } from "mongodb";
import { eventDocument, eventId, projectedEvent } from "./documents.ts";
import {
  type BatchDocument,
  type Collections,
  type EventDocument,
  INDEXES,
  type IncidentDocument,
  type StateDocument,
} from "./schema.ts";
import { reading } from "./snapshot.ts";

/** Enough to see what happened, whatever was done to the database. */
const FAULTS_MAX = 1_000;

const STATE_FIELDS =
  "_id schema block hash events batches leaves duplicates incidents producers generation term session".split(" ");
const BATCH_FIELDS = "_id owner batch transaction block seqEnd duplicates verified treeLength".split(" ");
const INCIDENT_FIELDS = ["_id", "block", "kind", "batch", "detail"];

/** Notes what is seen on the way, to hold it against the rest at the end. */
export class Faults {
  readonly #db: Db;
  readonly #at: Collections;
  readonly #state: StateDocument;
  readonly #found = new Set<string>();
  readonly #producers = new Set<string>();
  /** First event of each joined pair. */
  readonly #joins = new Map<string, { readonly seq: number; readonly id: string }>();
  /** One past the last seq of each batch that has events, by name. */
  readonly #seqEnds = new Map<string, number>();
  #events = 0;
  #batches = 0;
  #incidents = 0;

  constructor(db: Db, at: Collections, state: StateDocument) {
    this.#db = db;
    this.#at = at;
    this.#state = state;
    const { staged, ...counted } = state;
    this.#onlyFields("the state", counted, STATE_FIELDS);
  }

  seeEvent(document: EventDocument): void {
    const seq = document._id;
    if (seq !== this.#events) this.#note(`event ${this.#events} is missing`);
    this.#events = seq + 1;
    this.#producers.add(document.institution);
    this.#seqEnds.set(document.batch, seq + 1);
    const event = projectedEvent(document);
    for (const [a, b] of event.joins) {
      for (const pair of [JSON.stringify([a, b]), JSON.stringify([b, a])]) {
        if (!this.#joins.has(pair)) this.#joins.set(pair, { seq, id: event.id });
      }
    }
    const made = eventDocument(event, { seq, batch: document.batch, at: document.at.getTime() });
    if (Buffer.compare(BSON.serialize(made), BSON.serialize(document)) !== 0) {
      this.#note(`event ${seq} does not stand under its own keys`);
    }
  }

  seeBatch(document: BatchDocument): void {
    this.#batches += 1;
    this.#onlyFields(`batch ${document._id}`, document, BATCH_FIELDS);
  }

  seeIncident(document: IncidentDocument): void {
    if (document._id !== this.#incidents++) this.#note(`incident ${document._id} is out of place`);
    this.#onlyFields(`incident ${document._id}`, document, INCIDENT_FIELDS);
    this.#onlyFields(`the batch of incident ${document._id}`, document.batch, ["owner", "stream", "sequence"]);
  }

  /** Every fault, in order of its text. */
  async all(): Promise<string[]> {
    const { events, batches, incidents, producers } = this.#state;
    if (this.#events !== events) this.#note(`${this.#events} events where ${events} are counted`);
    if (this.#batches !== batches) this.#note(`${this.#batches} batches where ${batches} are counted`);
    if (this.#incidents !== incidents) this.#note(`${this.#incidents} incidents where ${incidents} are counted`);
    if (!isDeepStrictEqual([...producers], [...this.#producers])) this.#note("the state names other producers");
    await this.#checkSeqEnds();
    await this.#checkJoins();
    await this.#checkIndexes();
    await this.#checkEnds();
    return [...this.#found].sort();
  }

  async #checkSeqEnds(): Promise<void> {
    let seqEnd = 0;
    const filter = { block: { $lte: this.#state.block } };
    const projection = { seqEnd: 1 };
    for await (const batch of this.#at.batches
      .find(filter, { projection, hint: "block" })
      .sort({ block: 1, seqEnd: 1 })) {
      seqEnd = Math.max(seqEnd, this.#seqEnds.get(batch._id) ?? 0);
      if (batch.seqEnd !== seqEnd) this.#note(`batch ${batch._id} does not end at its last event`);
    }
  }

  async #checkJoins(): Promise<void> {
    const missing = new Map(this.#joins);
    const counted = { seq: { $lt: this.#state.events } };
    for await (const { _id, token, other, seq, event, ...more } of this.#at.joins.find(counted, { hint: "seq" })) {
      const pair = JSON.stringify([token, other]);
      const first = missing.get(pair);
      if (Object.keys(more).length > 0) this.#note(`join ${pair} has members of no meaning`);
      if (first === undefined) this.#note(`join ${pair} belongs to nothing`);
      else if (first.seq !== seq || first.id !== eventId(event)) this.#note(`join ${pair} names another event`);
      missing.delete(pair);
    }
    for (const pair of missing.keys()) this.#note(`join ${pair} is missing`);
  }

  async #checkIndexes(): Promise<void> {
    for (const name of Object.keys(INDEXES) as (keyof Collections)[]) {
      const found = (await this.#at[name].indexes())
        .filter((index) => index.name !== "_id_")
        .map(({ v, ...rest }) => rest);
      const byName = (a: { name?: string }, b: { name?: string }): number => (String(a.name) < String(b.name) ? -1 : 1);
      if (!isDeepStrictEqual(found.sort(byName), [...INDEXES[name]].sort(byName))) {
        this.#note(`the indexes of ${name} are not as the projection's schema has them`);
      }
    }
  }

  /** Documents beyond what is counted: they would be found, but belong to no block. */
  async #checkEnds(): Promise<void> {
    await reading(this.#db, async ({ state, at, session }) => {
      // A block is being put there, or was left there and is taken away before the next.
      if (state.staged !== undefined) return;
      for (const name of ["events", "incidents"] as const) {
        for (const way of [1, -1] as const) {
          const [end] = await at[name]
            .find({}, { session, projection: { _id: 1 } })
            .sort({ _id: way })
            .limit(1)
            .toArray();
          const expected = way === 1 ? 0 : state[name] - 1;
          if (end !== undefined && end._id !== expected) this.#note(`${name} has a document that is not counted`);
        }
      }
      const [last] = await at.batches
        .find({}, { session, hint: "block" })
        .sort({ block: -1, seqEnd: -1 })
        .limit(1)
        .toArray();
      if (last !== undefined && !(last.block <= state.block)) this.#note("batches has a document that is not counted");
      const [first] = await at.batches
        .find({}, { session, hint: "block" })
        .sort({ block: 1, seqEnd: 1 })
        .limit(1)
        .toArray();
      if (first !== undefined && !(first.block >= 0)) this.#note("batches has a document that is not counted");
    });
  }

  #onlyFields(what: string, document: object, fields: readonly string[]): void {
    const found = Object.keys(document);
    if (found.length === fields.length && fields.every((field) => found.includes(field))) return;
    this.#note(`${what} has other members than it is made of`);
  }

  #note(fault: string): void {
    if (this.#found.size < FAULTS_MAX) this.#found.add(fault);
  }
}
