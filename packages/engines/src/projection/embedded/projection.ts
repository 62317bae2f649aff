/** The embedded projection: one SQLite file in a folder; one connection writes while others, of any thread, read. */
import type { DatabaseSync } from "node:sqlite";
import { MedtraceError } from "@medtrace/shared/errors";
import type { BatchRef } from "@medtrace/shared/model/batch";
import {
  type BlockUpdate,
  type Checkpoint,
  type EventFilter,
  type EventPage,
  type Incident,
  PROJECTION_LIMITS,
  type Projection,
  type ProjectionCounts,
  type StoredBatch,
  type StoredDerivation,
  type StoredEvent,
  type StoredJoin,
} from "@medtrace/shared/ports/projection";
import { bounded } from "../limits.ts";
import { contentLines } from "./content.ts";
import { asMedtraceError, openDatabase, openReader } from "./database.ts";
import { Edges } from "./edges.ts";
import { Finder } from "./finder.ts";
import { Rows } from "./rows.ts";
import { TABLES } from "./schema.ts";
import { TermReader } from "./terms.ts";
import { Writer } from "./writer.ts";

const NOTHING: ProjectionCounts = { events: 0, batches: 0, leaves: 0, duplicates: 0, incidents: 0 };

export class EmbeddedProjection implements Projection {
  readonly #folder: string;
  readonly #db: DatabaseSync;
  readonly #writer: Writer;
  readonly #rows: Rows;
  readonly #finder: Finder;
  readonly #edges: Edges;
  #closed = false;

  private constructor(folder: string, db: DatabaseSync) {
    const terms = new TermReader(db);
    this.#folder = folder;
    this.#db = db;
    this.#writer = new Writer(db);
    this.#rows = new Rows(db);
    this.#finder = new Finder(db, terms);
    this.#edges = new Edges(db, terms);
  }

  /**
   * Opens the projection in a folder, made where it is not there.
   *
   * @throws MedtraceError STORAGE_FAILED, INTEGRITY (the file is no projection), CONFIGURATION (another schema).
   */
  static async open(folder: string): Promise<EmbeddedProjection> {
    const db = openDatabase(folder);
    try {
      return new EmbeddedProjection(folder, db);
    } catch (cause) {
      db.close();
      throw new MedtraceError("INTEGRITY", "the projection's tables are not as they were made", {
        at: folder,
        hint: "remove the projection's folder, then run rebuild",
        cause,
      });
    }
  }

  async checkpoint(): Promise<Checkpoint | undefined> {
    return this.#use(() => this.#db.prepare("SELECT block, hash FROM checkpoint").get() as Checkpoint | undefined);
  }

  async apply(update: BlockUpdate): Promise<void> {
    this.#use(() => this.#writer.apply(update));
  }

  async event(id: string): Promise<StoredEvent | undefined> {
    return this.#use(() => this.#rows.event(id));
  }

  async events(ids: readonly string[]): Promise<readonly StoredEvent[]> {
    return this.#use(() => [...new Set(ids)].map((id) => this.#rows.event(id)).filter((event) => event !== undefined));
  }

  async find(filter: EventFilter): Promise<EventPage> {
    return this.#snapshot(() => {
      const { places, more } = this.#finder.find(filter);
      const events = places.map(({ seq }) => this.#rows.eventAt(seq)).filter((event) => event !== undefined);
      return { events, more };
    });
  }

  async applied(seq: number, limit: number): Promise<readonly StoredEvent[]> {
    bounded("limit", limit, PROJECTION_LIMITS.pageMax);
    return this.#use(() => this.#rows.eventsFrom(seq, limit));
  }

  async count(filter: Omit<EventFilter, "order" | "after" | "limit">, countMax: number): Promise<number> {
    return this.#snapshot(() => this.#finder.count(filter, countMax));
  }

  async batch(ref: BatchRef): Promise<StoredBatch | undefined> {
    return this.#use(() => this.#rows.batch(ref));
  }

  async batches(owner: string, stream: string, limit: number, before?: number): Promise<readonly StoredBatch[]> {
    bounded("limit", limit, PROJECTION_LIMITS.pageMax);
    return this.#use(() => this.#rows.batches(owner, stream, limit, before ?? Number.MAX_SAFE_INTEGER));
  }

  async tree(ref: BatchRef): Promise<Uint8Array | undefined> {
    return this.#use(() => this.#rows.tree(ref));
  }

  async derivations(
    records: readonly string[],
    direction: "up" | "down",
    limit: number,
  ): Promise<readonly StoredDerivation[]> {
    return this.#snapshot(() => this.#edges.derivations(records, direction, limit));
  }

  async subjectClosure(token: string): Promise<readonly string[]> {
    return this.#snapshot(() => this.#edges.closure(token));
  }

  async joins(token: string): Promise<readonly StoredJoin[]> {
    return this.#use(() => this.#edges.joins(token));
  }

  async incidents(limit: number): Promise<readonly (Incident & { readonly block: number })[]> {
    bounded("limit", limit, PROJECTION_LIMITS.pageMax);
    return this.#use(() => this.#rows.incidents(limit));
  }

  async counts(): Promise<ProjectionCounts> {
    const sql = "SELECT events, batches, leaves, duplicates, incidents FROM checkpoint";
    return this.#use(() => (this.#db.prepare(sql).get() as unknown as ProjectionCounts | undefined) ?? NOTHING);
  }

  /** Read over a connection of its own, so that its snapshot stands while blocks are applied. */
  async *content(): AsyncGenerator<string> {
    const reader = this.#use(() => openReader(this.#folder));
    try {
      yield* contentLines(reader);
    } catch (error) {
      throw asMedtraceError(error);
    } finally {
      reader.close();
    }
  }

  async reset(): Promise<void> {
    this.#use(() => {
      this.#db.exec(`BEGIN IMMEDIATE; ${TABLES.map((table) => `DELETE FROM ${table}`).join("; ")}; COMMIT`);
      this.#writer.forget();
    });
  }

  async ping(): Promise<void> {
    this.#use(() => this.#db.exec("SELECT 1 FROM checkpoint"));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    guarded(() => this.#db.close());
  }

  #use<T>(work: () => T): T {
    if (this.#closed) throw new MedtraceError("STORAGE_FAILED", "the projection is closed");
    return guarded(work);
  }

  /** Several statements over one state of the file. */
  #snapshot<T>(work: () => T): T {
    return this.#use(() => {
      this.#db.exec("BEGIN");
      try {
        return work();
      } finally {
        this.#db.exec("COMMIT");
      }
    });
  }
}

function guarded<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw asMedtraceError(error);
  }
}
