/** The documents of one block, in the order they are inserted in, made when their turn comes. */
import { batchId } from "@medtrace/shared/model/batch";
import type { BlockUpdate, ProjectedEvent } from "@medtrace/shared/ports/projection";
import type { ClientSession, Collection, Document } from "mongodb";
import { eventDocument, treeDocuments } from "./documents.ts";
import type { Plan } from "./plan.ts";
import type { Collections, JoinDocument } from "./schema.ts";
import { slices } from "./slices.ts";

export interface Work {
  readonly update: BlockUpdate;
  readonly plan: Plan;
  readonly joins: readonly JoinDocument[];
}

export interface Row {
  readonly into: keyof Collections;
  /** About how many bytes of the server's cache it takes, with its indexes, until its transaction ends. */
  readonly weight: number;
  readonly make: () => object;
}

/** Documents of one command: a block's are not all made at once. */
const SLICE = 1_000;
/**
 * Of one transaction: what it changes stays in the server's cache until it commits. A cache of half a gigabyte, the least
 * that mongod takes by default, refuses four times as much.
 */
const PIECE_WEIGHT_MAX = 16 * 1_048_576;

const DOCUMENT_WEIGHT = 512;
const ENTRY_WEIGHT = 128;

/** Everything that the block adds, in pieces that each fit into one transaction; one at least. */
export function piecesOf(work: Work): Row[][] {
  const pieces: Row[][] = [[]];
  let weight = 0;
  for (const row of rowsOf(work)) {
    weight += row.weight;
    if (weight > PIECE_WEIGHT_MAX && pieces.at(-1)?.length !== 0) {
      pieces.push([]);
      weight = row.weight;
    }
    pieces.at(-1)?.push(row);
  }
  return pieces;
}

function* rowsOf({ update, plan, joins }: Work): Generator<Row> {
  for (const batch of plan.batches) yield { into: "batches", weight: 2 * DOCUMENT_WEIGHT, make: () => batch };
  for (const { owner, batch, tree } of update.batches) {
    const id = batchId({ owner, stream: batch.stream, sequence: batch.sequence });
    for (const part of treeDocuments(id, tree)) {
      yield { into: "trees", weight: DOCUMENT_WEIGHT + part.hashes.length, make: () => part };
    }
  }
  for (const { event, place } of plan.events) {
    yield { into: "events", weight: weightOf(event), make: () => eventDocument(event, place) };
  }
  for (const join of joins) yield { into: "joins", weight: DOCUMENT_WEIGHT, make: () => join };
  for (const incident of plan.incidents) yield { into: "incidents", weight: DOCUMENT_WEIGHT, make: () => incident };
}

function weightOf({ bytes, facets, recipients, derivations, joins }: ProjectedEvent): number {
  const entries = (1 + facets.length) * (1 + recipients.length) + 4 * derivations.length + 2 * joins.length;
  return DOCUMENT_WEIGHT + bytes.length + ENTRY_WEIGHT * entries;
}

/** Inserts one piece; documents are made while the server is busy with those before. */
export async function insertRows(at: Collections, rows: readonly Row[], session: ClientSession): Promise<void> {
  let sent: Promise<unknown> = Promise.resolve();
  for (const run of runsOf(rows)) {
    for (const slice of slices(run.rows, SLICE)) {
      const documents = slice.map((row) => row.make());
      await sent;
      const collection = at[run.into] as unknown as Collection<Document>;
      sent = collection.insertMany(documents, { ordered: false, session });
    }
  }
  await sent;
}

function* runsOf(rows: readonly Row[]): Generator<{ readonly into: keyof Collections; readonly rows: readonly Row[] }> {
  for (let start = 0; start < rows.length; ) {
    const into = (rows[start] as Row).into;
    const end = rows.findIndex((row, i) => i > start && row.into !== into);
    yield { into, rows: rows.slice(start, end < 0 ? rows.length : end) };
    start = end < 0 ? rows.length : end;
  }
}
