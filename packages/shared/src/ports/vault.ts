/**
 * Vault: what ingest must remember and no one else may read: subject tokens, data keys, and receipts of what it took.
 * It keeps identifiers only as keyed hashes; nothing in it, at rest, holds one in clear.
 * Contract: ports/vault.contract.ts, run over every engine.
 */

import type { KeyObject } from "node:crypto";

/** A patient identifier as a source gave it. */
export interface Identifier {
  /** URI, OID or the name of the assigning authority. */
  readonly system: string;
  readonly value: string;
  /** `shared`: the same subject at every institution; `local`: known to one institution only (an MRN). */
  readonly scope: "shared" | "local";
}

export interface IdentifyRequest {
  readonly institution: string;
  /** Identifiers of one person in one message; at least one. */
  readonly identifiers: readonly Identifier[];
}

export interface Subject {
  readonly token: string;
  /** Other tokens that these identifiers already had: the message shows that they are the same person. */
  readonly also: readonly string[];
}

export interface DataKeyRequest {
  readonly institution: string;
  /** Subject token, or `none`. */
  readonly token: string;
}

/** What was taken: enough to answer a resent message, and to say where an event is before it is projected. */
export interface Receipt {
  readonly id: string;
  /** Keyed digest of the source bytes, as in the event. */
  readonly digest: string;
  readonly institution: string;
  readonly partition: number;
  readonly offset: number;
}

export interface Vault extends AsyncDisposable {
  /**
   * The subject of each request, made where none of its identifiers is known. Unknown identifiers of a known subject
   * are added to it. Durable when resolved. The same identifier in two requests of one call MUST meet one token.
   */
  identify(requests: readonly IdentifyRequest[]): Promise<readonly Subject[]>;

  /** Token of an identifier as this institution knows it; undefined where unknown or erased. */
  lookup(institution: string, identifier: Identifier): Promise<string | undefined>;

  /** AES-256 data key of each (institution, token), made where there is none. Durable when resolved. */
  dataKeys(requests: readonly DataKeyRequest[]): Promise<readonly KeyObject[]>;

  /** Data key that exists, else undefined (never made, or erased). */
  dataKey(request: DataKeyRequest): Promise<KeyObject | undefined>;

  /**
   * Erases a subject for one institution: its data key and its identifiers' entries. What was sealed under the key
   * stays unreadable; a later message about the person makes a new token. Resolves with how many entries went.
   */
  erase(institution: string, token: string): Promise<number>;

  /** Receipts of those of these ids that were taken. */
  receipts(ids: readonly string[]): Promise<ReadonlyMap<string, Receipt>>;

  /**
   * Remembers receipts; an id that is already there keeps its first receipt, and the place of the later one counts as
   * covered too. `watermarks` says, per partition, the offset up to which the caller knows from the log itself that every
   * record has its receipt, whoever appended it: who only appended knows nothing of what others did. Seen by
   * {@link receipts} at once. An engine MAY write them later: after `kill -9` its watermarks then say no more than what was
   * written, and the log has the rest.
   *
   * @throws MedtraceError STORAGE_FAILED where storage refuses for longer than can be remembered.
   */
  remember(receipts: readonly Receipt[], watermarks: ReadonlyMap<number, number>): Promise<void>;

  /**
   * Per partition, an offset up to which every log record has its receipt: what was said to {@link remember}, and from there
   * on what receipts cover without a gap. MUST never say more, however many processes remember; an engine MAY say less.
   */
  watermarks(): Promise<ReadonlyMap<number, number>>;

  ping(): Promise<void>;
}

/** The small interface that a KMS stands behind: per-institution keys that never leave it, except to digest. */
export interface KeyProvider {
  /** Wraps a 32-byte data key under the institution's key; the bytes carry what unwrap needs. */
  wrap(institution: string, dataKey: Uint8Array): Uint8Array;
  /** @throws MedtraceError INTEGRITY where the bytes were not wrapped by this institution's key. */
  unwrap(institution: string, wrapped: Uint8Array): Uint8Array;
  /** HMAC-SHA256 under the institution's digest key. */
  digest(institution: string, bytes: Uint8Array): Uint8Array;
  /** HMAC-SHA256 under the platform's index key: identifiers shared between institutions meet under it. */
  index(bytes: Uint8Array): Uint8Array;
}
