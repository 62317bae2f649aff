/** The projection in a MongoDB database of its own: many processes read, one at a time applies blocks. */
import { MedtraceError } from "@medtrace/shared/errors";
import { type BatchRef, batchId } from "@medtrace/shared/model/batch";
import {
  type BlockUpdate,
  type Checkpoint,
  type EventFilter,
  type EventPage,
  type Incident,
  PROJECTION_LIMITS,
  type Projection,
  type ProjectionCounts,
  type ProjectorLock,
  type StoredBatch,
  type StoredDerivation,
  type StoredEvent,
  type StoredJoin,
} from "@medtrace/shared/ports/projection";
import { type Connection, connect } from "../../mongodb/client.ts";
import { isDuplicateKey, mongoError } from "../../mongodb/errors.ts";
import { bounded, EVENT_ID } from "../limits.ts";
import { contentLines, treeOf } from "./content.ts";
import { eventId, storedBatch, storedEvent, storedIncident } from "./documents.ts";
import { closureOf, findDerivations, joinsOf } from "./edges.ts";
import { countEvents, findEvents } from "./finder.ts";
import { type BatchDocument, EVENT_FIELDS, idPrefix } from "./schema.ts";
import { slices } from "./slices.ts";
import { checkpointOf, reading, type Snapshot } from "./snapshot.ts";
import { prepare, readState, reset } from "./state.ts";
import { Writer } from "./writer.ts";

const WHAT = "projection";
/** Ids of one query. */
const IDS_SLICE = 1_000;

export class MongodbProjection implements Projection {
  readonly #connection: Connection;
  readonly #writer: Writer;
  #closed = false;

  private constructor(connection: Connection, lock: ProjectorLock | undefined) {
    this.#connection = connection;
    this.#writer = new Writer(connection.db, lock?.term);
  }

  /**
   * Opens the projection in the URL's database, made where it is not there.
   *
   * @param lock by which blocks are applied; without one they are applied for whoever comes first.
   * @throws MedtraceError CONFIGURATION (the URL, or another schema), STORAGE_FAILED (no primary answers).
   */
  static async open(url: string, lock?: ProjectorLock): Promise<MongodbProjection> {
    const connection = await connect(url, "PROJECTION_URL", WHAT);
    try {
      await prepare(connection.db);
      return new MongodbProjection(connection, lock);
    } catch (error) {
      await connection[Symbol.asyncDispose]();
      throw asMedtraceError(error);
    }
  }

  checkpoint(): Promise<Checkpoint | undefined> {
    return this.#use(async () => checkpointOf(await readState(this.#connection.db)));
  }

  apply(update: BlockUpdate): Promise<void> {
    return this.#use(() => this.#writer.apply(update));
  }

  async event(id: string): Promise<StoredEvent | undefined> {
    return (await this.events([id]))[0];
  }

  events(ids: readonly string[]): Promise<readonly StoredEvent[]> {
    const wanted = new Set(ids.filter((id) => EVENT_ID.test(id)));
    return this.#read(async ({ state, at: { events }, session }) => {
      const found: StoredEvent[] = [];
      for (const slice of slices([...wanted], IDS_SLICE)) {
        const prefix = { $in: slice.map(idPrefix) };
        for await (const document of events.find({ prefix }, { session, projection: EVENT_FIELDS })) {
          if (document._id < state.events && wanted.has(eventId(document.id))) found.push(storedEvent(document));
        }
      }
      return found;
    });
  }

  find(filter: EventFilter): Promise<EventPage> {
    return this.#read(async (snapshot) => {
      const { documents, more } = await findEvents(snapshot, filter);
      return { events: documents.map(storedEvent), more };
    });
  }

  applied(seq: number, limit: number): Promise<readonly StoredEvent[]> {
    return this.#read(async ({ state, at: { events }, session }) => {
      bounded("limit", limit, PROJECTION_LIMITS.pageMax);
      const found = events.find({ _id: { $gte: seq, $lt: state.events } }, { session, projection: EVENT_FIELDS });
      return (await found.sort({ _id: 1 }).limit(limit).toArray()).map(storedEvent);
    });
  }

  count(filter: Omit<EventFilter, "order" | "after" | "limit">, countMax: number): Promise<number> {
    return this.#read((snapshot) => countEvents(snapshot, filter, countMax));
  }

  batch(ref: BatchRef): Promise<StoredBatch | undefined> {
    return this.#read(async (snapshot) => {
      const document = await batchDocumentOf(snapshot, ref);
      return document === undefined ? undefined : storedBatch(document);
    });
  }

  batches(owner: string, stream: string, limit: number, before?: number): Promise<readonly StoredBatch[]> {
    return this.#read(async ({ state, at: { batches }, session }) => {
      bounded("limit", limit, PROJECTION_LIMITS.pageMax);
      const sequence = { $lt: before ?? Number.MAX_SAFE_INTEGER };
      const block = { $lte: state.block };
      const filter = { owner, "batch.stream": stream, "batch.sequence": sequence, block };
      const found = batches.find(filter, { session, hint: "stream" }).sort({ "batch.sequence": -1 }).limit(limit);
      return (await found.toArray()).map(storedBatch);
    });
  }

  tree(ref: BatchRef): Promise<Uint8Array | undefined> {
    return this.#read(async (snapshot) => {
      const document = await batchDocumentOf(snapshot, ref);
      return document === undefined ? undefined : treeOf(snapshot.at, document, snapshot.session);
    });
  }

  derivations(
    records: readonly string[],
    direction: "up" | "down",
    limit: number,
  ): Promise<readonly StoredDerivation[]> {
    return this.#read((snapshot) => findDerivations(snapshot, records, direction, limit));
  }

  subjectClosure(token: string): Promise<readonly string[]> {
    return this.#read((snapshot) => closureOf(snapshot, token));
  }

  joins(token: string): Promise<readonly StoredJoin[]> {
    return this.#read((snapshot) => joinsOf(snapshot, token));
  }

  incidents(limit: number): Promise<readonly (Incident & { readonly block: number })[]> {
    return this.#read(async ({ state, at: { incidents }, session }) => {
      bounded("limit", limit, PROJECTION_LIMITS.pageMax);
      const found = incidents
        .find({ _id: { $lt: state.incidents } }, { session })
        .sort({ _id: -1 })
        .limit(limit);
      return (await found.toArray()).map(storedIncident);
    });
  }

  counts(): Promise<ProjectionCounts> {
    return this.#use(async () => {
      const { events, batches, leaves, duplicates, incidents } = await readState(this.#connection.db);
      return { events, batches, leaves, duplicates, incidents };
    });
  }

  async *content(): AsyncGenerator<string> {
    this.#refuseIfClosed();
    try {
      yield* contentLines(this.#connection.db);
    } catch (error) {
      throw asMedtraceError(error);
    }
  }

  reset(): Promise<void> {
    return this.#use(() => reset(this.#connection.db));
  }

  async ping(): Promise<void> {
    await this.checkpoint();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#writer[Symbol.asyncDispose]();
    await this.#connection[Symbol.asyncDispose]();
  }

  #read<T>(work: (snapshot: Snapshot) => Promise<T>): Promise<T> {
    return this.#use(() => reading(this.#connection.db, work));
  }

  async #use<T>(work: () => Promise<T>): Promise<T> {
    this.#refuseIfClosed();
    try {
      return await work();
    } catch (error) {
      throw asMedtraceError(error);
    }
  }

  #refuseIfClosed(): void {
    if (this.#closed) throw new MedtraceError("STORAGE_FAILED", "the projection is closed");
  }
}

async function batchDocumentOf(
  { state, at: { batches }, session }: Snapshot,
  ref: BatchRef,
): Promise<BatchDocument | undefined> {
  const document = await batches.findOne({ _id: batchId(ref) }, { session });
  return document === null || document.block > state.block ? undefined : document;
}

/** The error as a MedtraceError where it came from MongoDB, else as it is. */
function asMedtraceError(error: unknown): unknown {
  if (!isDuplicateKey(error)) return mongoError(error, WHAT);
  return new MedtraceError("INTEGRITY", "the projection holds documents that its checkpoint does not count", {
    hint: "run fsck, then rebuild",
    cause: error,
  });
}
