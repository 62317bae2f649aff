/** Collections of the MongoDB vault. Identifiers are there as keyed hashes only, data keys only as wrapped. */
import type { Collection, Db } from "mongodb";

/** Kept in `meta`; a database of another version is not touched. */
export const SCHEMA_VERSION = 1;

export interface Entry {
  readonly institution: string;
  readonly token: string;
}

/** One document an identifier, so that whoever else meets it first at the same time, at any institution, collides. */
export interface IdentifierDocument {
  /** Keyed hash, 32 bytes. */
  readonly _id: Uint8Array;
  /** Whom it means; one for each institution that met it. */
  readonly entries: readonly Entry[];
}

export interface DataKeyDocument {
  /** {@link dataKeyId}. */
  readonly _id: string;
  readonly wrapped: Uint8Array;
}

export interface ReceiptDocument {
  /** Event id, 32 bytes; or {@link placeId}, for a record of the log whose event has its receipt for another place. */
  readonly _id: Uint8Array | string;
  readonly partition: number;
  readonly offset: number;
  readonly institution?: string;
  /** 32 bytes where it is an HMAC-SHA256, as all are that ingest makes. */
  readonly digest?: Uint8Array | string;
}

export interface WatermarkDocument {
  /** Partition. */
  readonly _id: number;
  readonly covered: number;
}

/** A process that may remember what others erase. */
export interface InstanceDocument {
  readonly _id: string;
  /** Erasures that it knows of. */
  readonly seen: number;
  readonly expires: Date;
}

export interface MetaDocument {
  readonly _id: typeof META;
  readonly schema: number;
  /** How often something was erased. */
  readonly erasures: number;
}

export const META = "vault";

export interface Collections {
  readonly identifiers: Collection<IdentifierDocument>;
  readonly dataKeys: Collection<DataKeyDocument>;
  readonly receipts: Collection<ReceiptDocument>;
  readonly watermarks: Collection<WatermarkDocument>;
  readonly instances: Collection<InstanceDocument>;
  readonly meta: Collection<MetaDocument>;
}

export function collectionsOf(db: Db): Collections {
  return {
    identifiers: db.collection("identifiers"),
    dataKeys: db.collection("data_keys"),
    receipts: db.collection("receipts"),
    watermarks: db.collection("watermarks"),
    instances: db.collection("instances"),
    meta: db.collection("meta"),
  };
}

/** By which a subject is erased. */
export const BY_TOKEN = { name: "token", key: { "entries.token": 1 } } as const;
/** By which it is told how far the log is covered. */
export const BY_PLACE = { name: "place", key: { partition: 1, offset: 1 } } as const;
/** By which an erasure finds who does not know of it yet. */
export const BY_SEEN = { name: "seen", key: { seen: 1 } } as const;
/** Instances whose process died are removed after a while. */
export const BY_END = { name: "end", key: { expires: 1 }, expireAfterSeconds: 3_600 } as const;

export function dataKeyId(institution: string, token: string): string {
  return `${institution} ${token}`;
}

export function placeId(partition: number, offset: number): string {
  return `${partition}/${offset}`;
}
