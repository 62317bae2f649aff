/**
 * Collections of the MongoDB projection. What makes inserting cheap: one document an event, with its edges inside, and
 * four indexes; an event is found by 16-byte hashes of (viewer, facet) in one multikey index, so that a reader walks only
 * entries that it may see, however many others there are. Nothing but `state` is ever changed once it is there, and nothing
 * is there that `state` does not count yet: every reader goes no further than it says.
 */
import { hash } from "node:crypto";
import type { Batch } from "@medtrace/shared/model/batch";
import type { Derivation, FacetKind, Incident } from "@medtrace/shared/ports/projection";
import type { Collection, Db } from "mongodb";

/** Kept in `state`; a database of another version is rebuilt, never read. */
export const SCHEMA_VERSION = 1;

/** The one document that says how far everything else goes. */
export interface StateDocument {
  readonly _id: typeof STATE;
  readonly schema: number;
  /** Of the collections that count; a reset begins with the next. */
  readonly generation: number;
  /** Term of the lease that applied last; 0 where none did. */
  readonly term: number;
  /** Id of the session that applies blocks, hex; empty before the first. */
  readonly session: string;
  /** Last block that was applied; -1 before the first. */
  readonly block: number;
  readonly hash: string;
  readonly events: number;
  readonly batches: number;
  readonly leaves: number;
  readonly duplicates: number;
  readonly incidents: number;
  /** Institutions that produced any event, in order of their first. */
  readonly producers: readonly string[];
  /** While a block that is too large for one transaction is put beyond what is counted, piece by piece. */
  readonly staged?: Staged;
}

export interface Staged {
  /** Whoever does it. */
  readonly by: string;
  readonly pieces: number;
}

export const STATE = "state";

export interface EventDocument {
  /** seq. */
  readonly _id: number;
  readonly id: Uint8Array;
  /** First 48 bits of the id: a short key takes a quarter of the index that the id itself would. */
  readonly prefix: number;
  readonly at: Date;
  /** `_id` of its batch. */
  readonly batch: string;
  readonly index: number;
  readonly offset: number;
  readonly institution: string;
  readonly recipients?: readonly string[];
  /** `kind:value` each. */
  readonly facets: readonly string[];
  /** {@link entryKeys} of every (viewer, facet), and of every viewer with no facet. */
  readonly entries: readonly Uint8Array[];
  /** What its derivations start from, each once: what derivations have in common is kept, and indexed, once. */
  readonly sources?: readonly string[];
  /** What they end at, each once. */
  readonly targets?: readonly string[];
  readonly derivations?: readonly PlacedDerivation[];
  readonly joins?: readonly (readonly string[])[];
  readonly bytes: Uint8Array;
}

/** A derivation, its ends by their place in the event's sources and targets. */
export interface PlacedDerivation {
  readonly from: number;
  readonly to: number;
  readonly relation: Derivation["relation"];
}

/** What of an event is asked for by those who read it. */
export const EVENT_FIELDS: Readonly<Partial<Record<keyof EventDocument, 1>>> = {
  id: 1,
  at: 1,
  batch: 1,
  index: 1,
  offset: 1,
  bytes: 1,
};

export interface BatchDocument {
  /** `owner:stream:sequence`. */
  readonly _id: string;
  readonly owner: string;
  readonly batch: Batch;
  readonly transaction: string;
  readonly block: number;
  /** One past the last seq that was given when it was applied. */
  readonly seqEnd: number;
  readonly verified: boolean;
  readonly duplicates: number;
  /** Length of its tree, in bytes. */
  readonly treeLength: number;
}

/** A piece of a batch's tree: documents are bounded, trees are not. */
export interface TreeDocument {
  /** {@link treePart}. */
  readonly _id: string;
  readonly hashes: Uint8Array;
}

/** That two tokens are one person, and the first event that says so; each pair in both directions. */
export interface JoinDocument {
  readonly token: string;
  readonly other: string;
  /** Of the event. */
  readonly seq: number;
  /** Id of the event. */
  readonly event: Uint8Array;
}

export interface IncidentDocument extends Incident {
  /** Number, from 0. */
  readonly _id: number;
  readonly block: number;
}

/** What belongs to one generation. */
export interface Collections {
  readonly events: Collection<EventDocument>;
  readonly batches: Collection<BatchDocument>;
  readonly trees: Collection<TreeDocument>;
  readonly joins: Collection<JoinDocument>;
  readonly incidents: Collection<IncidentDocument>;
}

export function stateOf(db: Db): Collection<StateDocument> {
  return db.collection("state");
}

export function collectionsOf(db: Db, generation: number): Collections {
  return {
    events: db.collection(collectionName("events", generation)),
    batches: db.collection(collectionName("batches", generation)),
    trees: db.collection(collectionName("trees", generation)),
    joins: db.collection(collectionName("joins", generation)),
    incidents: db.collection(collectionName("incidents", generation)),
  };
}

function collectionName(collection: keyof Collections, generation: number): string {
  return `${collection}_${generation}`;
}

/** The generation that a collection belongs to; undefined where it is none of a generation's. */
export function generationOf(name: string): number | undefined {
  const [, collection = "", generation] = /^([a-z]+)_(\d{1,15})$/.exec(name) ?? [];
  return Object.hasOwn(INDEXES, collection) ? Number(generation) : undefined;
}

export interface Index {
  readonly name: string;
  readonly key: Readonly<Record<string, 1>>;
  readonly unique?: true;
  readonly partialFilterExpression?: Readonly<Record<string, unknown>>;
}

const endsOfEdges = (ends: "sources" | "targets"): Index => ({
  name: ends,
  key: { [ends]: 1, _id: 1 },
  // Most events show no derivation, and need no entry.
  partialFilterExpression: { [ends]: { $exists: true } },
});

/** Indexes of each collection beside `_id`. */
export const INDEXES: Readonly<Record<keyof Collections, readonly Index[]>> = {
  events: [
    { name: "prefix", key: { prefix: 1 } },
    { name: "entries", key: { entries: 1, at: 1, _id: 1 } },
    endsOfEdges("sources"),
    endsOfEdges("targets"),
  ],
  batches: [
    { name: "stream", key: { owner: 1, "batch.stream": 1, "batch.sequence": 1 } },
    { name: "block", key: { block: 1, seqEnd: 1 } },
  ],
  trees: [],
  joins: [
    { name: "token", key: { token: 1, other: 1, seq: 1 }, unique: true },
    { name: "seq", key: { seq: 1 } },
  ],
  incidents: [],
};

export const TREE_PART_BYTES: number = 4 * 1_048_576;

export function treePart(batch: string, part: number): string {
  return `${batch}#${part}`;
}

/** First 48 bits of an event's id (64 hex digits, itself a hash): ids that share them are told apart by the id. */
export function idPrefix(id: string): number {
  return Number.parseInt(id.slice(0, 12), 16);
}

/** What an entry is for where it is for no facet: every event that its viewer may see. */
export const EVERY_EVENT = "";

/** A facet as a document has it: sorted as text, facets are in order of kind, then value. */
export function facetText(kind: FacetKind, value: string): string {
  return `${kind}:${value}`;
}

const ENTRY_KEY_BYTES = 16;

/**
 * A key for each viewer and facet: 128 bits of a SHA-256, enough that no two can be made to share one.
 *
 * @param facets {@link facetText} each, or {@link EVERY_EVENT}.
 */
export function entryKeys(viewers: Iterable<string>, facets: readonly string[]): Uint8Array[] {
  const keys: Uint8Array[] = [];
  for (const viewer of viewers) {
    const bytes = Buffer.allocUnsafe(facets.length * ENTRY_KEY_BYTES);
    facets.forEach((facet, i) => {
      // As text it costs a third of what a buffer of its own does.
      bytes.write(hash("sha256", `${viewer.length}:${viewer}${facet}`), i * ENTRY_KEY_BYTES, ENTRY_KEY_BYTES, "hex");
      keys.push(bytes.subarray(i * ENTRY_KEY_BYTES, (i + 1) * ENTRY_KEY_BYTES));
    });
  }
  return keys;
}
