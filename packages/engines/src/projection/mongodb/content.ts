/**
 * The content as lines, as of one moment: what the state counts is never changed again, so that reading no further than it
 * goes gives that moment's content, however long it takes and whatever is applied meanwhile.
 */
import { MedtraceError } from "@medtrace/shared/errors";
import type { Derivation, Facet } from "@medtrace/shared/ports/projection";
import {
  batchLine,
  checkpointLine,
  derivationLine,
  eventLine,
  facetLine,
  faultLine,
  incidentLine,
  joinLine,
} from "@medtrace/shared/projection-content";
import type { ClientSession, Db } from "mongodb";
import { bytesOf, edited, storedBatch, storedEvent, storedIncident, timeText, treePartIds } from "./documents.ts";
import { Faults } from "./faults.ts";
import { type BatchDocument, type Collections, collectionsOf, type StateDocument } from "./schema.ts";
import { checkpointOf } from "./snapshot.ts";
import { readState } from "./state.ts";

/**
 * Every line, in the order of projection-content.ts.
 *
 * @throws MedtraceError INTEGRITY where documents cannot be read, BUSY where the projection is reset meanwhile.
 */
export async function* contentLines(db: Db): AsyncGenerator<string> {
  const state = await readState(db);
  const at = collectionsOf(db, state.generation);
  const faults = new Faults(db, at, state);
  yield checkpointLine(checkpointOf(state), state);
  yield* batchLines(at, state, faults);
  yield* eventLines(at, state, faults);
  yield* facetLines(at, state);
  yield* derivationLines(at, state);
  yield* joinLines(at, state);
  const incidents = at.incidents.find({ _id: { $lt: state.incidents } }).sort({ _id: 1 });
  for await (const document of incidents) {
    const { block, ...incident } = storedIncident(document);
    faults.seeIncident(document);
    yield incidentLine(document._id, block, incident);
  }
  const found = await faults.all();
  if ((await readState(db)).generation !== state.generation) throw wasReset();
  for (const fault of found) yield faultLine(fault);
}

async function* batchLines(at: Collections, { block }: StateDocument, faults: Faults): AsyncGenerator<string> {
  const inOrder = { owner: 1, "batch.stream": 1, "batch.sequence": 1 } as const;
  for await (const document of at.batches.find({ block: { $lte: block } }, { hint: "stream" }).sort(inOrder)) {
    faults.seeBatch(document);
    yield batchLine(storedBatch(document), await treeOf(at, document));
  }
}

/** @throws MedtraceError INTEGRITY where a part is missing. */
export async function treeOf(
  { trees }: Collections,
  { _id, treeLength }: BatchDocument,
  session?: ClientSession,
): Promise<Uint8Array> {
  const ids = treePartIds(_id, treeLength);
  if (ids.length === 0) return new Uint8Array(0);
  const parts = await trees.find({ _id: { $in: ids } }, session === undefined ? {} : { session }).toArray();
  const byId = new Map(parts.map((part) => [part._id, bytesOf(part.hashes, "a tree's hashes")]));
  const tree = Buffer.concat(ids.map((id) => byId.get(id) ?? new Uint8Array(0)));
  if (tree.length !== treeLength) throw edited(`the tree of batch ${_id} is not whole`);
  return tree;
}

async function* eventLines(at: Collections, { events }: StateDocument, faults: Faults): AsyncGenerator<string> {
  for await (const document of at.events.find({ _id: { $lt: events } }).sort({ _id: 1 })) {
    faults.seeEvent(document);
    yield eventLine(storedEvent(document), document.institution, document.recipients ?? []);
  }
}

interface FacetRow {
  readonly seq: number;
  readonly at: Date;
  readonly facet: string;
  readonly viewer: string;
  readonly way: "produced" | "received";
  readonly producer: string;
}

/** The server orders them, on disk where they are many: no index has them in the order of their text. */
async function* facetLines({ events }: Collections, state: StateDocument): AsyncGenerator<string> {
  const received = { $map: { input: { $ifNull: ["$recipients", []] }, in: { viewer: "$$this", way: "received" } } };
  const views = { $concatArrays: [[{ viewer: "$institution", way: "produced" }], received] };
  const rows = events.aggregate<FacetRow>(
    [
      { $match: { _id: { $lt: state.events } } },
      { $project: { at: 1, facet: "$facets", producer: "$institution", views } },
      { $unwind: "$facet" },
      { $unwind: "$views" },
      { $project: { _id: 0, seq: "$_id", at: 1, facet: 1, producer: 1, viewer: "$views.viewer", way: "$views.way" } },
      { $sort: { facet: 1, viewer: 1, way: 1, at: 1, seq: 1 } },
    ],
    { allowDiskUse: true },
  );
  let last = "";
  for await (const { seq, at, facet, viewer, way, producer } of rows) {
    if (way === "received" && viewer === producer) continue;
    const colon = facet.indexOf(":");
    const { kind, value } = { kind: facet.slice(0, colon) as Facet["kind"], value: facet.slice(colon + 1) };
    const line = facetLine({ kind, value }, viewer, way, { at: timeText(at), seq });
    // A recipient that is named twice.
    if (line !== last) yield line;
    last = line;
  }
}

async function* derivationLines({ events }: Collections, state: StateDocument): AsyncGenerator<string> {
  const [from, to] = [
    { $arrayElemAt: ["$sources", "$derivations.from"] },
    { $arrayElemAt: ["$targets", "$derivations.to"] },
  ];
  const rows = events.aggregate<Derivation & { readonly _id: number }>(
    [
      { $match: { _id: { $lt: state.events } } },
      { $project: { sources: 1, targets: 1, derivations: 1 } },
      { $unwind: "$derivations" },
      { $project: { from, to, relation: "$derivations.relation" } },
      { $sort: { from: 1, to: 1, relation: 1, _id: 1 } },
    ],
    { allowDiskUse: true },
  );
  for await (const { _id, ...derivation } of rows) yield derivationLine(derivation, _id);
}

async function* joinLines({ events }: Collections, state: StateDocument): AsyncGenerator<string> {
  const [first, second] = [0, 1].map((place) => ({ $arrayElemAt: ["$joins", place] }));
  const both = [
    { token: first, other: second },
    { token: second, other: first },
  ];
  const rows = events.aggregate<{ readonly _id: number; readonly pair: { token: string; other: string } }>(
    [
      { $match: { _id: { $lt: state.events } } },
      { $project: { joins: 1 } },
      { $unwind: "$joins" },
      { $project: { pair: both } },
      { $unwind: "$pair" },
      { $sort: { "pair.token": 1, "pair.other": 1, _id: 1 } },
    ],
    { allowDiskUse: true },
  );
  let last = "";
  for await (const { _id, pair } of rows) {
    const line = joinLine(pair.token, pair.other, _id);
    // A pair that one event names twice.
    if (line !== last) yield line;
    last = line;
  }
}

function wasReset(): MedtraceError {
  return new MedtraceError("BUSY", "the projection was reset while its content was read", { hint: "read it again" });
}
