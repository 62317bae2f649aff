/**
 * The content of a projection as lines of text, so that two of them can be compared row by row, whatever engine holds
 * them. A line is a JSON array: the table's name, its key columns, its other columns.
 */
import { batchHash } from "./model/batch.ts";
import { hex, sha256 } from "./model/bytes.ts";
import type {
  Checkpoint,
  Derivation,
  Facet,
  Incident,
  ProjectionCounts,
  StoredBatch,
  StoredEvent,
} from "./ports/projection.ts";

/** Tables in the order their lines come in, each with how many columns its key has. */
const KEY_COLUMNS = {
  checkpoint: 0,
  batch: 3,
  event: 1,
  facet: 6,
  derivation: 4,
  join: 3,
  incident: 1,
  /** A fault of the engine's own structures, in words; a sound projection has none. */
  fault: 1,
} as const;

type Table = keyof typeof KEY_COLUMNS;
type Column = string | number;

const ORDER = new Map(Object.keys(KEY_COLUMNS).map((table, place) => [table, place]));

function line(table: Table, ...columns: readonly Column[]): string {
  return JSON.stringify([table, ...columns]);
}

/** Always the first line; where nothing was applied it has no columns. */
export function checkpointLine(checkpoint: Checkpoint | undefined, counts: ProjectionCounts): string {
  if (checkpoint === undefined) return line("checkpoint");
  const { events, batches, leaves, duplicates, incidents } = counts;
  return line("checkpoint", checkpoint.block, checkpoint.hash, events, batches, leaves, duplicates, incidents);
}

/** The checkpoint that the first line tells of. */
export function checkpointOf(firstLine: string): Checkpoint | undefined {
  const [, block, hash] = JSON.parse(firstLine) as [Table, number?, string?];
  return block === undefined || hash === undefined ? undefined : { block, hash };
}

/** Ordered by owner, stream, sequence. */
export function batchLine(stored: StoredBatch, tree: Uint8Array): string {
  const { owner, batch, transaction, block, verified, duplicates } = stored;
  const key = [owner, batch.stream, batch.sequence] as const;
  return line("batch", ...key, batchHash(batch), transaction, block, Number(verified), duplicates, hex(sha256(tree)));
}

/** Ordered by seq. */
export function eventLine(event: StoredEvent, institution: string, recipients: readonly string[]): string {
  const { owner, stream, sequence } = event.ref;
  const place = [owner, stream, sequence, event.index, event.offset] as const;
  const bytes = hex(sha256(event.bytes));
  return line("event", event.seq, event.id, ...place, event.at, bytes, institution, JSON.stringify(recipients));
}

/** Ordered by kind, value, viewer, way, at, seq. `produced` by the viewer, or `received`. */
export function facetLine(
  facet: Facet,
  viewer: string,
  way: "produced" | "received",
  place: { readonly at: string; readonly seq: number },
): string {
  return line("facet", facet.kind, facet.value, viewer, way, place.at, place.seq);
}

/** Ordered by from, to, relation, seq of the event. */
export function derivationLine(derivation: Derivation, seq: number): string {
  return line("derivation", derivation.from, derivation.to, derivation.relation, seq);
}

/** Each pair in both directions. Ordered by token, other, seq of the event. */
export function joinLine(token: string, other: string, seq: number): string {
  return line("join", token, other, seq);
}

/** Ordered by number: the order in which incidents were recorded, from 0. */
export function incidentLine(number: number, block: number, { kind, batch, detail }: Incident): string {
  return line("incident", number, block, kind, batch.owner, batch.stream, batch.sequence, detail);
}

export function faultLine(fault: string): string {
  return line("fault", fault);
}

/** One line, read. */
export interface ContentRow {
  readonly table: string;
  readonly key: readonly Column[];
  readonly line: string;
}

/** The row that a line stands for. */
export function contentRow(text: string): ContentRow {
  const [table, ...columns] = JSON.parse(text) as [Table, ...Column[]];
  return { table, key: columns.slice(0, KEY_COLUMNS[table]), line: text };
}

/** Negative where `a` comes first, 0 where both have one table and key: then only the lines tell them apart. */
export function compareContentRows(a: ContentRow, b: ContentRow): number {
  const tables = (ORDER.get(a.table) ?? 0) - (ORDER.get(b.table) ?? 0);
  if (tables !== 0) return tables;
  for (let i = 0; i < a.key.length; i++) {
    const order = compareColumns(a.key[i] as Column, b.key[i] as Column);
    if (order !== 0) return order;
  }
  return 0;
}

/** Numbers by size, text by its UTF-8 bytes: the order that storage engines keep text in. */
function compareColumns(a: Column, b: Column): number {
  if (a === b) return 0;
  if (typeof a === "number" && typeof b === "number") return a - b;
  return Buffer.compare(Buffer.from(String(a)), Buffer.from(String(b)));
}
