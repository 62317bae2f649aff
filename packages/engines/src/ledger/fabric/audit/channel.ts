/**
 * A channel as an auditor reads it. The flags that say which transactions count are no part of what a block's hash
 * covers: so the signatures, the majority of organisations and the read sets that they follow from are checked again.
 */
import { common, peer } from "@hyperledger/fabric-protos";
import { batchKey, headKey } from "@medtrace/chaincode/contract";
import { type Bytes, sameBytes } from "@medtrace/shared/model/bytes";
import type { AnchoredBatch, AuditedBlock } from "../../audit.ts";
import type { FabricAddress } from "../address.ts";
import { anchoredBy, headerBytes } from "../block.ts";
import { configurationOf, organisationsOf } from "../configuration.ts";
import type { FollowedBlock } from "../follow.ts";
import { type Endorsed, readEndorsed, readIdentity, readTransaction, type Transaction } from "./envelope.ts";
import { Signers } from "./signers.ts";
import { Versions } from "./versions.ts";

const NOTHING = new Uint8Array();
const { CONFIG, ENDORSER_TRANSACTION } = common.HeaderType;
const { VALID, MVCC_READ_CONFLICT, ENDORSEMENT_POLICY_FAILURE } = peer.TxValidationCode;
const CODE_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(peer.TxValidationCode).map(([name, code]) => [code, name]),
);

/** What {@link ChannelAudit} checks, in words. */
export const CHECKS: readonly string[] = [
  "each block names the hash of the one before, and its data has the hash that its header names",
  "each block is signed by an orderer that the channel's configuration certifies",
  "each transaction that anchors was sent by the organisation that owns the stream, and a majority of the organisations " +
    "of that time endorsed it",
  "which transactions count and which do not follows from their read sets and endorsements",
];

export const TRUSTS: readonly string[] = [
  "that block 0 is the channel's: compare its hash with that of another organisation",
  "that changes of the channel's configuration were agreed to: the orderers signed the blocks that hold them",
  "that no certificate was revoked when it was used",
];

interface Tally {
  readonly anchored: AnchoredBatch[];
  readonly invalid: { readonly transaction: string; readonly why: string }[];
  readonly faults: string[];
}

export class ChannelAudit {
  readonly #address: FabricAddress;
  readonly #versions = new Versions();
  #institutions = new Signers({});
  #orderers = new Signers({});

  constructor(address: FabricAddress) {
    this.#address = address;
  }

  /** What is to say of the next block; blocks come in order, from 0 on. Never throws. */
  block({ block, raw }: FollowedBlock): AuditedBlock {
    const tally: Tally = { anchored: [], invalid: [], faults: [] };
    const { number, hash } = block;
    if (number > 0) tally.faults.push(...this.#signatureFaults(raw));
    const envelopes = raw.getData()?.getDataList_asU8() ?? [];
    const flags = raw.getMetadata()?.getMetadataList_asU8()[common.BlockMetadataIndex.TRANSACTIONS_FILTER] ?? NOTHING;
    if (flags.length !== envelopes.length) {
      tally.faults.push(`has ${flags.length} validity flags for ${envelopes.length} transactions`);
    }
    let institutions: readonly string[] | undefined;
    for (const [place, envelope] of envelopes.entries()) {
      try {
        const transaction = readTransaction(envelope);
        if (transaction.channel !== this.#address.channel) tally.faults.push(`holds a transaction of another channel`);
        else if (transaction.type === CONFIG) institutions = this.#configure(raw);
        else if (transaction.type === ENDORSER_TRANSACTION) {
          this.#judge(transaction, flags[place], { number, place }, tally);
        }
      } catch (error) {
        tally.faults.push(`transaction ${place} cannot be read: ${(error as Error).message}`);
      }
    }
    return { number, hash, institutions, ...tally };
  }

  #configure(raw: common.Block): readonly string[] {
    const configuration = configurationOf(raw);
    this.#institutions = new Signers(organisationsOf(configuration, "Application"));
    this.#orderers = new Signers(organisationsOf(configuration, "Orderer"));
    return this.#institutions.mspIds;
  }

  #judge(
    transaction: Transaction,
    flag: number | undefined,
    { number, place }: { readonly number: number; readonly place: number },
    tally: Tally,
  ): void {
    const endorsed = readEndorsed(transaction);
    const isOurs = endorsed.writes.some(({ namespace }) => namespace === this.#address.chaincode);
    const at = `transaction ${place}`;
    if (flag !== VALID) {
      const why = CODE_NAMES.get(flag ?? -1) ?? `code ${flag}`;
      tally.invalid.push({ transaction: transaction.id, why });
      const fault = isOurs ? this.#unexplained(flag, transaction, endorsed) : undefined;
      if (fault !== undefined) tally.faults.push(`${at} counts as ${why}, though ${fault}`);
      return;
    }
    const stale = this.#versions.stale(endorsed.reads) ?? [];
    if (stale.length > 0) tally.faults.push(`${at} counts, though ${stale[0]} was written after it was read`);
    if (isOurs) {
      const anchored = anchoredBy(transaction.data, transaction.id, this.#address.chaincode);
      const faults = [...this.#endorsementFaults(transaction, endorsed), ...this.#writeFaults(endorsed, anchored)];
      for (const { owner, batch } of anchored) {
        tally.anchored.push({ owner, batch, transaction: transaction.id });
        const { mspId } = transaction.creator.identity;
        if (owner !== mspId) faults.push(`${mspId} writes a stream of ${owner}`);
      }
      tally.faults.push(...faults.map((fault) => `${at} counts, though ${fault}`));
    }
    this.#versions.write(endorsed.writes, number, place);
  }

  /** What speaks against the reason that a transaction does not count for. */
  #unexplained(flag: number | undefined, transaction: Transaction, endorsed: Endorsed): string | undefined {
    if (flag === MVCC_READ_CONFLICT && this.#versions.stale(endorsed.reads)?.length === 0) {
      return "nothing that it read was written since";
    }
    if (flag === ENDORSEMENT_POLICY_FAILURE && this.#endorsementFaults(transaction, endorsed).length === 0) {
      return "a majority of the organisations endorsed it";
    }
    return undefined;
  }

  #endorsementFaults({ creator, idHolds }: Transaction, endorsed: Endorsed): string[] {
    const faults: string[] = [];
    const fault = this.#institutions.fault(creator);
    if (fault !== undefined) faults.push(`its sender is not shown: ${fault}`);
    if (!idHolds) faults.push("its id is not the hash of nonce and sender");
    if (!endorsed.proposalHolds) faults.push("what was endorsed is another proposal");
    const majority = Math.floor(this.#institutions.mspIds.length / 2) + 1;
    const endorsers = endorsed.endorsements.filter((one) => this.#institutions.fault(one, "peer") === undefined);
    const count = new Set(endorsers.map(({ identity }) => identity.mspId)).size;
    if (count < majority) faults.push(`${count} organisations endorsed it, not ${majority}`);
    return faults;
  }

  /** The contract writes a batch and its stream's head, having read the head, and nothing else. */
  #writeFaults({ reads, writes }: Endorsed, anchored: readonly Pick<AnchoredBatch, "owner" | "batch">[]): string[] {
    const [one, ...more] = anchored;
    const ours = writes.filter(({ namespace }) => namespace === this.#address.chaincode);
    if (one === undefined || more.length > 0) return [`it writes ${anchored.length} batches`];
    const head = headKey(one.owner, one.batch.stream);
    const keys = [batchKey({ ...one.batch, owner: one.owner }), head].sort();
    const written = ours.map(({ key }) => key).sort();
    const [a, b] = ours;
    const isRule = written.join() === keys.join() && sameBytes(a?.value ?? NOTHING, b?.value ?? NOTHING);
    const faults = isRule ? [] : ["it writes what the contract does not"];
    const readsHead = reads.some(({ namespace, key }) => namespace === this.#address.chaincode && key === head);
    return readsHead ? faults : [...faults, "it did not read the stream's head"];
  }

  /** Orderers sign the block's metadata, their own header and the block's header (Fabric, multichannel.BlockWriter). */
  #signatureFaults(raw: common.Block): string[] {
    const header = raw.getHeader();
    const list = raw.getMetadata()?.getMetadataList_asU8() ?? [];
    try {
      const metadata = common.Metadata.deserializeBinary(list[common.BlockMetadataIndex.SIGNATURES] ?? NOTHING);
      const signed = headerBytes(
        header?.getNumber() ?? 0,
        header?.getPreviousHash_asU8() ?? NOTHING,
        header?.getDataHash_asU8() ?? NOTHING,
      );
      const faults = metadata.getSignaturesList().map((one) => this.#signatureFault(metadata, one, signed));
      if (faults.length === 0) return ["no orderer signed it"];
      return faults.includes(undefined) ? [] : [`no orderer is shown to have signed it: ${faults[0]}`];
    } catch (error) {
      return [`its signatures cannot be read: ${(error as Error).message}`];
    }
  }

  #signatureFault(metadata: common.Metadata, one: common.MetadataSignature, header: Bytes): string | undefined {
    const signature = one.getSignatureHeader_asU8();
    const creator = common.SignatureHeader.deserializeBinary(signature).getCreator_asU8();
    return this.#orderers.fault(
      {
        identity: readIdentity(creator),
        message: Buffer.concat([metadata.getValue_asU8(), signature, header]),
        signature: one.getSignature_asU8(),
      },
      "orderer",
    );
  }
}
