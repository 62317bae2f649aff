/** Documents from the port's shapes, and back; a document that was edited into nonsense is refused. */
import { MedtraceError } from "@medtrace/shared/errors";
import { type Batch, batchFaults, batchId, parseBatchId } from "@medtrace/shared/model/batch";
import { hex } from "@medtrace/shared/model/bytes";
import type {
  Derivation,
  Incident,
  ProjectedBatch,
  ProjectedEvent,
  StoredBatch,
  StoredDerivation,
  StoredEvent,
} from "@medtrace/shared/ports/projection";
import {
  type BatchDocument,
  EVERY_EVENT,
  type EventDocument,
  entryKeys,
  facetText,
  type IncidentDocument,
  idPrefix,
  type PlacedDerivation,
  TREE_PART_BYTES,
  type TreeDocument,
  treePart,
} from "./schema.ts";

/** Where an event is put, and what of it was read to find that out. */
export interface EventPlace {
  readonly seq: number;
  /** `_id` of its batch. */
  readonly batch: string;
  /** Milliseconds since 1970. */
  readonly at: number;
}

export function eventDocument(event: ProjectedEvent, { seq, batch, at }: EventPlace): EventDocument {
  const { recipients, derivations, joins } = event;
  const facets = distinctText(event.facets.map(({ kind, value }) => facetText(kind, value)));
  const viewers = recipients.length === 0 ? [event.institution] : new Set([event.institution, ...recipients]);
  const document: { -readonly [Field in keyof EventDocument]: EventDocument[Field] } = {
    _id: seq,
    id: Buffer.from(event.id, "hex"),
    prefix: idPrefix(event.id),
    at: new Date(at),
    batch,
    index: event.index,
    offset: event.offset,
    institution: event.institution,
    facets,
    entries: entryKeys(viewers, [EVERY_EVENT, ...facets]),
    bytes: event.bytes,
  };
  if (recipients.length > 0) document.recipients = recipients;
  if (derivations.length > 0) Object.assign(document, derivationFields(derivations));
  if (joins.length > 0) document.joins = [...new Map(joins.map((pair) => [JSON.stringify(pair), pair])).values()];
  return document;
}

function distinctText(texts: string[]): string[] {
  const once = new Set(texts);
  return once.size === texts.length ? texts : [...once];
}

/** Each derivation once, with its ends. */
function derivationFields(
  derivations: readonly Derivation[],
): Required<Pick<EventDocument, "sources" | "targets" | "derivations">> {
  const sources = new Map<string, number>();
  const targets = new Map<string, number>();
  const placeIn = (ends: Map<string, number>, end: string): number => {
    const place = ends.get(end) ?? ends.size;
    ends.set(end, place);
    return place;
  };
  const placed = new Map<string, PlacedDerivation>();
  for (const { from, to, relation } of derivations) {
    const derivation = { from: placeIn(sources, from), to: placeIn(targets, to), relation };
    placed.set(`${derivation.from} ${derivation.to} ${relation}`, derivation);
  }
  return { sources: [...sources.keys()], targets: [...targets.keys()], derivations: [...placed.values()] };
}

/** Its derivations, as they were applied. */
export function derivationsOf({ _id, sources = [], targets = [], derivations = [] }: EventDocument): Derivation[] {
  return derivations.map(({ from, to, relation }) => {
    const ends = { from: sources[from], to: targets[to] };
    if (ends.from === undefined || ends.to === undefined) throw edited(`a derivation of event ${_id} has no end`);
    return { from: ends.from, to: ends.to, relation };
  });
}

export function batchDocument(
  { owner, batch, transaction, verified, tree }: ProjectedBatch,
  place: { readonly block: number; readonly seqEnd: number; readonly duplicates: number },
): BatchDocument {
  const _id = batchId({ owner, stream: batch.stream, sequence: batch.sequence });
  return { _id, owner, batch, transaction, ...place, verified, treeLength: tree.length };
}

export function treeDocuments(batch: string, tree: Uint8Array): TreeDocument[] {
  return treePartIds(batch, tree.length).map((_id, part) => ({
    _id,
    hashes: tree.subarray(part * TREE_PART_BYTES, (part + 1) * TREE_PART_BYTES),
  }));
}

export function treePartIds(batch: string, length: number): string[] {
  return Array.from({ length: Math.ceil(length / TREE_PART_BYTES) }, (_, part) => treePart(batch, part));
}

export function storedEvent(document: EventDocument): StoredEvent {
  const ref = parseBatchId(document.batch);
  if (ref === undefined) throw edited(`event ${document._id} has no batch`);
  return {
    seq: document._id,
    id: eventId(document.id),
    ref,
    index: document.index,
    offset: document.offset,
    bytes: bytesOf(document.bytes, "an event's bytes"),
    at: timeText(document.at),
  };
}

export function storedBatch(document: BatchDocument): StoredBatch {
  const { _id, owner, batch, transaction, block, verified, duplicates } = document;
  const faults = batchFaults(batch);
  if (faults.length > 0) throw edited(`batch ${_id}: ${faults.join("; ")}`);
  if (_id !== batchId({ owner, stream: batch.stream, sequence: batch.sequence }))
    throw edited(`batch ${_id} is another`);
  return { owner, batch: plainBatch(batch), transaction, block, verified, duplicates };
}

function plainBatch({ format, stream, sequence, first, end, count, root, previous }: Batch): Batch {
  return { format, stream, sequence, first, end, count, root, previous };
}

export function storedIncident({
  block,
  kind,
  batch,
  detail,
}: IncidentDocument): Incident & { readonly block: number } {
  const { owner, stream, sequence } = batch;
  return { kind, batch: { owner, stream, sequence }, detail, block };
}

export function storedDerivation(document: EventDocument, { from, to, relation }: Derivation): StoredDerivation {
  const { institution, recipients = [] } = document;
  return { from, to, relation, event: eventId(document.id), institution, recipients };
}

/** The event that a document was made of. */
export function projectedEvent(document: EventDocument): ProjectedEvent {
  const { id, index, offset, bytes, at } = storedEvent(document);
  const facets = document.facets.map((text) => {
    const colon = text.indexOf(":");
    return { kind: text.slice(0, colon) as "record", value: text.slice(colon + 1) };
  });
  const { institution, recipients = [], joins = [] } = document;
  const pairs = joins as readonly (readonly [string, string])[];
  return {
    id,
    index,
    offset,
    bytes,
    institution,
    recipients,
    at,
    facets,
    derivations: derivationsOf(document),
    joins: pairs,
  };
}

export function eventId(value: unknown): string {
  const bytes = bytesOf(value, "an event's id");
  if (bytes.length === 32) return hex(bytes);
  throw edited("an event has no id");
}

/** The driver gives binary data as bytes. */
export function bytesOf(value: unknown, what: string): Uint8Array {
  if (value instanceof Uint8Array) return value;
  throw edited(`${what} are not bytes`);
}

export function timeText(value: unknown): string {
  if (value instanceof Date && !Number.isNaN(value.getTime())) return value.toISOString();
  throw edited("an event's time is no time");
}

export function edited(what: string): MedtraceError {
  return new MedtraceError("INTEGRITY", `the projection was changed outside medtrace: ${what}`, {
    hint: "run fsck, then rebuild",
  });
}
