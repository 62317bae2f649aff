/**
 * Evidence, format version 1: a file that proves events to someone who trusts neither us nor our servers. It holds
 * nothing that is not checked: a member that no check covers could be altered unseen. The verifier package reads
 * this form with code of its own, and shares none with the servers.
 */
import type { Batch } from "./batch.ts";

export const EVIDENCE_FORMAT = "medtrace-evidence/1";

export interface EvidenceEvent {
  /** Canonical bytes of the trace event, as text: the leaf is the hash of exactly these UTF-8 bytes. */
  readonly event: string;
  /** Index into `batches`. */
  readonly batch: number;
  /** Leaf index in the batch's tree. */
  readonly index: number;
  /** RFC 6962 audit path, lowest sibling first, hex. */
  readonly path: readonly string[];
}

export interface EvidenceBatch {
  readonly owner: string;
  readonly batch: Batch;
}

/** The embedded ledger's word: blocks, each shown to be in the log that the signed checkpoint commits to. */
export interface EmbeddedLedgerProof {
  readonly kind: "embedded";
  /** C2SP tlog-checkpoint, signed note text. */
  readonly checkpoint: string;
  /** C2SP note verifier key (`name+hash+key`) that signed it. Whether to trust it is the reader's choice. */
  readonly key: string;
  readonly blocks: readonly {
    /** Canonical text of the block; its RFC 6962 leaf hash is the block's hash. */
    readonly block: string;
    /** Audit path of the block in the checkpoint's tree, hex; the leaf index is the block's number. */
    readonly path: readonly string[];
  }[];
}

/**
 * Fabric's word: what the organisations' peers signed. Each envelope is a common.Envelope (Fabric's protobuf), whose
 * endorsements cover the proposal's hash, and by it channel, chaincode and arguments, the response and the write set.
 */
export interface FabricLedgerProof {
  readonly kind: "fabric";
  /** One for each batch of the file, in the order of `batches`. */
  readonly anchors: readonly {
    /** The transaction that wrote the batch, base64. */
    readonly transaction: string;
    /**
     * A read of the batch that the organisations endorsed after the commit, never submitted, base64: an endorsed
     * transaction may still have been found invalid, but what is read was committed.
     */
    readonly read: string;
  }[];
}

/** Evidence keeps its version whatever the ledger: `kind` tells them apart. */
export type LedgerProof = EmbeddedLedgerProof | FabricLedgerProof;

/** What a reader trusts beforehand to check {@link FabricLedgerProof}; as text it is canonical JSON. */
export interface FabricTrust {
  readonly channel: string;
  readonly chaincode: string;
  /** By MSP id, the organisations whose majority must endorse. */
  readonly organisations: Readonly<Record<string, FabricOrganisation>>;
}

export interface FabricOrganisation {
  /** CA certificates, PEM. */
  readonly roots: readonly string[];
  readonly intermediates: readonly string[];
  /** When it joined the channel, RFC 3339, where others were there before: earlier transactions needed no word of it. */
  readonly since?: string;
}

export interface Evidence {
  readonly format: typeof EVIDENCE_FORMAT;
  readonly events: readonly EvidenceEvent[];
  readonly batches: readonly EvidenceBatch[];
  readonly ledger: LedgerProof;
}
