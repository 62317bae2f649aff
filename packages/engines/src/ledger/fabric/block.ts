/** Fabric's blocks, as the ledger's port gives them. */
import { common, ledger, peer } from "@hyperledger/fabric-protos";
import type { Entry } from "@medtrace/chaincode/contract";
import { MedtraceError } from "@medtrace/shared/errors";
import { type Batch, batchFaults } from "@medtrace/shared/model/batch";
import { type Bytes, fromUtf8, hex, sameBytes, sha256 } from "@medtrace/shared/model/bytes";
import type { LedgerBlock, LedgerTransaction } from "@medtrace/shared/ports/ledger";

const NO_BLOCK = "0".repeat(64);
const BATCH_KEY = /^batch\/([A-Za-z0-9._-]{1,64})\/([A-Za-z0-9._-]{1,64})\/(0|[1-9]\d{0,15})$/;
const { ENDORSER_TRANSACTION } = common.HeaderType;
const { VALID, DUPLICATE_TXID } = peer.TxValidationCode;

/**
 * A block's header as it is hashed and signed: the DER of SEQUENCE { number INTEGER, previousHash OCTET STRING, dataHash
 * OCTET STRING } (Fabric, protoutil BlockHeaderBytes).
 */
export function headerBytes(number: number, previous: Bytes, dataHash: Bytes): Bytes {
  const body = [integer(number), tagged(0x04, previous), tagged(0x04, dataHash)];
  return tagged(0x30, Buffer.concat(body));
}

/** Hash of a block's header: SHA-256 of {@link headerBytes}, hex. */
export function headerHash(number: number, previous: Bytes, dataHash: Bytes): string {
  return hex(sha256(headerBytes(number, previous, dataHash)));
}

/** DER INTEGER >= 0: the fewest bytes whose first bit is 0. */
function integer(value: number): Bytes {
  const digits = value.toString(16);
  const bytes = Buffer.from(digits.padStart(digits.length + (digits.length % 2), "0"), "hex");
  return tagged(0x02, (bytes[0] as number) < 0x80 ? bytes : Buffer.concat([Buffer.of(0), bytes]));
}

/** Everything here is shorter than 128 bytes, so lengths have one byte. */
function tagged(tag: number, content: Bytes): Bytes {
  return Buffer.concat([Buffer.of(tag, content.length), content]);
}

/**
 * The block with the transactions of endorsers; those that anchored a batch by this chaincode say which.
 *
 * @throws MedtraceError INTEGRITY where its data is not what its header names, or a write is none of the contract's.
 */
export function readBlock(block: common.Block, chaincode: string): LedgerBlock {
  const header = block.getHeader();
  const data = block.getData()?.getDataList_asU8() ?? [];
  if (header === undefined) throw damaged("a block came without a header");
  const number = header.getNumber();
  const dataHash = header.getDataHash_asU8();
  if (!sameBytes(sha256(Buffer.concat(data)), dataHash)) throw damaged(`block ${number}: its data is not its own`);
  const previous = header.getPreviousHash_asU8();
  const codes = block.getMetadata()?.getMetadataList_asU8()[common.BlockMetadataIndex.TRANSACTIONS_FILTER];
  return {
    number,
    previous: number === 0 ? NO_BLOCK : hex(previous),
    hash: headerHash(number, previous, dataHash),
    transactions: data.flatMap((envelope, i) => readTransaction(envelope, codes?.[i], chaincode)),
  };
}

/** None for what is no transaction of an endorser, or one that was handed over twice. */
function readTransaction(envelope: Bytes, code: number | undefined, chaincode: string): LedgerTransaction[] {
  if (code === DUPLICATE_TXID) return [];
  const payload = common.Payload.deserializeBinary(common.Envelope.deserializeBinary(envelope).getPayload_asU8());
  const header = common.ChannelHeader.deserializeBinary(payload.getHeader()?.getChannelHeader_asU8() ?? NOTHING);
  const id = header.getTxId();
  if (header.getType() !== ENDORSER_TRANSACTION || id === "") return [];
  const entries = code === VALID ? anchoredBy(payload.getData_asU8(), id, chaincode) : [];
  return [{ id, anchored: entries[0] }];
}

const NOTHING = new Uint8Array();

export interface Anchored {
  readonly owner: string;
  readonly batch: Batch;
}

/**
 * The batches that a transaction's write set holds.
 *
 * @param data the envelope's payload data, a protos.Transaction
 */
export function anchoredBy(data: Bytes, id: string, chaincode: string): Anchored[] {
  return peer.Transaction.deserializeBinary(data)
    .getActionsList()
    .map((action) => peer.ChaincodeActionPayload.deserializeBinary(action.getPayload_asU8()).getAction())
    .flatMap((action) => writesOf(action?.getProposalResponsePayload_asU8() ?? NOTHING, chaincode))
    .flatMap((write) => readWrite(write, id));
}

/** What a ProposalResponsePayload, which endorsers sign, writes to this chaincode's world state. */
function writesOf(payload: Bytes, chaincode: string): ledger.rwset.kvrwset.KVWrite[] {
  const response = peer.ProposalResponsePayload.deserializeBinary(payload);
  const action = peer.ChaincodeAction.deserializeBinary(response.getExtension_asU8());
  return ledger.rwset.TxReadWriteSet.deserializeBinary(action.getResults_asU8())
    .getNsRwsetList()
    .filter((set) => set.getNamespace() === chaincode)
    .flatMap((set) => ledger.rwset.kvrwset.KVRWSet.deserializeBinary(set.getRwset_asU8()).getWritesList());
}

function readWrite(write: ledger.rwset.kvrwset.KVWrite, id: string): Anchored[] {
  const key = write.getKey();
  const [, owner = "", stream, sequence] = BATCH_KEY.exec(key) ?? [];
  if (stream === undefined) return [];
  try {
    const { batch, transaction } = JSON.parse(fromUtf8(write.getValue_asU8())) as Entry;
    const names = batchFaults(batch).length === 0 && batch.stream === stream && `${batch.sequence}` === sequence;
    if (names && transaction === id && !write.getIsDelete()) return [{ owner, batch }];
  } catch (cause) {
    throw damaged(`transaction ${id} writes what is no batch to ${key}`, cause);
  }
  throw damaged(`transaction ${id} writes what is no batch to ${key}`);
}

function damaged(message: string, cause?: unknown): MedtraceError {
  return new MedtraceError("INTEGRITY", message, {
    hint: "compare the block with that of another organisation's peer",
    ...(cause === undefined ? {} : { cause }),
  });
}
