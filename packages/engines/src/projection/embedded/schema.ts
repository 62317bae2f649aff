/**
 * Tables of the embedded projection. What makes inserting cheap: text is kept once (`term`) and meant by its number;
 * what is looked up by a hash is indexed by 48 bits of it, as short random keys dirty fewer pages than long ones.
 */
import { hash } from "node:crypto";
import type { Derivation, FacetKind } from "@medtrace/shared/ports/projection";

/** Kept as SQLite's user_version; a folder of another version is rebuilt, never read. */
export const SCHEMA_VERSION = 1;

/** Every table and index with the statement that made it, as the file's own schema keeps it. */
export const STRUCTURES: Readonly<Record<string, string>> = {
  checkpoint: `CREATE TABLE checkpoint (
  one INTEGER PRIMARY KEY CHECK (one = 1), block INTEGER NOT NULL, hash TEXT NOT NULL, events INTEGER NOT NULL,
  batches INTEGER NOT NULL, leaves INTEGER NOT NULL, duplicates INTEGER NOT NULL, incidents INTEGER NOT NULL
) STRICT`,
  batch: `CREATE TABLE batch (
  id INTEGER PRIMARY KEY, owner TEXT NOT NULL, stream TEXT NOT NULL, sequence INTEGER NOT NULL,
  block INTEGER NOT NULL, seq_end INTEGER NOT NULL, verified INTEGER NOT NULL, duplicates INTEGER NOT NULL,
  tx TEXT NOT NULL, body TEXT NOT NULL, tree BLOB NOT NULL
) STRICT`,
  batch_ref: "CREATE UNIQUE INDEX batch_ref ON batch (owner, stream, sequence)",
  batch_block: "CREATE INDEX batch_block ON batch (block, seq_end)",
  event: `CREATE TABLE event (
  seq INTEGER PRIMARY KEY, key INTEGER NOT NULL, batch INTEGER NOT NULL, leaf INTEGER NOT NULL,
  place INTEGER NOT NULL, at INTEGER NOT NULL, institution INTEGER NOT NULL, recipients TEXT, id BLOB NOT NULL,
  bytes BLOB NOT NULL
) STRICT`,
  event_key: "CREATE INDEX event_key ON event (key)",
  term: "CREATE TABLE term (id INTEGER PRIMARY KEY, key INTEGER NOT NULL, kind INTEGER NOT NULL, value TEXT NOT NULL) STRICT",
  term_key: "CREATE INDEX term_key ON term (key)",
  entry: `CREATE TABLE entry (
  term INTEGER NOT NULL, view INTEGER NOT NULL, at INTEGER NOT NULL, seq INTEGER NOT NULL,
  PRIMARY KEY (term, view, at, seq)
) STRICT, WITHOUT ROWID`,
  derivation: `CREATE TABLE derivation (
  source INTEGER NOT NULL, seq INTEGER NOT NULL, target INTEGER NOT NULL, relation INTEGER NOT NULL,
  PRIMARY KEY (source, seq, target, relation)
) STRICT, WITHOUT ROWID`,
  derivation_target: "CREATE INDEX derivation_target ON derivation (target, seq, source, relation)",
  joined: `CREATE TABLE joined (
  token TEXT NOT NULL, other TEXT NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (token, other, seq)
) STRICT, WITHOUT ROWID`,
  incident: `CREATE TABLE incident (
  number INTEGER PRIMARY KEY, block INTEGER NOT NULL, kind TEXT NOT NULL, owner TEXT NOT NULL, stream TEXT NOT NULL,
  sequence INTEGER NOT NULL, detail TEXT NOT NULL
) STRICT`,
};

export const TABLES: readonly string[] = Object.keys(STRUCTURES).filter((name) =>
  STRUCTURES[name]?.startsWith("CREATE TABLE"),
);

/** The entry every event has beside its facets; terms start at 1. */
export const EVERY_EVENT = 0;

/** `term.kind`; numbered in the order of the names, institutions (the viewers) apart. */
export const TERM_KIND = { institution: 0, agent: 1, recipient: 2, record: 3, subject: 4, system: 5 } as const;
export type TermKind = (typeof TERM_KIND)[keyof typeof TERM_KIND];
export const FACET_KINDS: readonly (FacetKind | undefined)[] = [
  undefined,
  "agent",
  "recipient",
  "record",
  "subject",
  "system",
];

/** `derivation.relation`, by place. */
export const RELATIONS: readonly Derivation["relation"][] = ["wasDerivedFrom", "wasRevisionOf", "wasQuotedFrom"];

/**
 * `entry.view`: whose view of the event an entry is in. Views are part of the key, so that a reader walks only entries
 * that it may see, however many others there are.
 */
export function producedView(institution: number): number {
  return institution * 2;
}

export function receivedView(institution: number): number {
  return institution * 2 + 1;
}

/** 48 bits of an event's id (itself a hash). */
export function eventKey(id: Uint8Array): number {
  return Buffer.from(id.buffer, id.byteOffset, id.byteLength).readUIntBE(0, 6);
}

/** 48 bits of a term's SHA-256: values that share them cannot be made to order, and are told apart by value. */
export function termKey(kind: TermKind, value: string): number {
  return Number.parseInt(hash("sha256", `${kind}${value}`, "hex").slice(0, 12), 16);
}
