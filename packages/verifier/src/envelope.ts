/**
 * What organisations endorsed: a Fabric transaction envelope, read to the last byte (the messages are those of
 * github.com/hyperledger/fabric-protos: common/common.proto, peer/*.proto, ledger/rwset/*.proto, msp/identities.proto).
 */
import { type Bytes, concat, fromBase64, fromUtf8, sameBytes, toHex } from "./bytes.ts";
import { sha256 } from "./merkle.ts";
import { readMessage } from "./protobuf.ts";
import { Fault } from "./verdict.ts";

const ENVELOPE_BYTES_MAX = 1_048_576;
const BASE64_MAX = 4 * Math.ceil(ENVELOPE_BYTES_MAX / 3);
const ENDORSER_TRANSACTION = 3;

export interface Endorsed {
  readonly channel: string;
  readonly chaincode: string;
  /** Id of the transaction, 64 hex digits. */
  readonly id: string;
  /** By the clock of whoever made the proposal, ms since 1970. */
  readonly time: number;
  readonly args: readonly string[];
  readonly result: Result;
  /** What endorsers sign, followed by themselves. */
  readonly response: Bytes;
  readonly endorsements: readonly { readonly endorser: Bytes; readonly signature: Bytes }[];
  /** Who made the proposal: an identity, and the signature over the whole payload, empty where it wasn't submitted. */
  readonly creator: Bytes;
  readonly payload: Bytes;
  readonly signature: Bytes;
}

/** What the chaincode answered, read and wrote. */
export interface Result {
  readonly status: number;
  readonly payload: string;
  readonly reads: readonly Read[];
  readonly writes: readonly Write[];
}

export interface Read {
  readonly namespace: string;
  readonly key: string;
  /** Number of the block that wrote what was read; undefined where there was nothing. */
  readonly block: number | undefined;
}

export interface Write {
  readonly namespace: string;
  readonly key: string;
  readonly value: string;
  readonly isDelete: boolean;
}

/** Reads an envelope in base64. Nothing in it is vouched for before its endorsements are checked. Throws Fault. */
export async function readEnvelope(base64: string, at: string): Promise<Endorsed> {
  if (base64.length > BASE64_MAX) throw new Fault(at, `larger than ${ENVELOPE_BYTES_MAX} bytes`);
  const bytes = fromBase64(base64);
  if (bytes === undefined || bytes.length === 0) throw new Fault(at, "not base64 in its one spelling");
  const { payload, signature } = readMessage(bytes, "Envelope", at, { payload: [1, "bytes"], signature: [2, "bytes"] });
  const parts = readMessage(payload, "Payload", at, { header: [1, "bytes"], data: [2, "bytes"] });
  const header = readMessage(parts.header, "Header", at, { channel: [1, "bytes"], signature: [2, "bytes"] });
  const { proposal, response, endorsements } = readAction(parts.data, header.signature, at);
  const { hash, result } = readMessage(response, "ProposalResponsePayload", at, {
    hash: [1, "bytes"],
    result: [2, "bytes"],
  });
  // Each of the three is read strictly, in ascending fields, so that bytes of one cannot pass for another's.
  if ((await sha256(concat(header.channel, header.signature, proposal))) !== toHex(hash)) {
    const says = "what was endorsed answers another proposal: channel, creator or arguments were altered";
    throw new Fault(at, says);
  }
  const head = readChannelHeader(header.channel, at);
  const call = readProposal(proposal, at);
  const answer = readResult(result, at);
  const names = new Set([head.chaincode, call.chaincode, answer.chaincode]);
  if (names.size > 1) throw new Fault(at, `several chaincodes: ${[...names].join(", ")}`);
  const { creator, nonce } = readMessage(header.signature, "SignatureHeader", at, {
    creator: [1, "bytes"],
    nonce: [2, "bytes"],
  });
  if ((await sha256(concat(nonce, creator))) !== head.id) throw new Fault(at, "the id is not the transaction's own");
  return { ...head, args: call.args, result: answer, response, endorsements, creator, payload, signature };
}

/** The one action of a transaction: the proposal, what was answered, and by whom. */
function readAction(
  data: Bytes,
  header: Bytes,
  at: string,
): Pick<Endorsed, "response" | "endorsements"> & { readonly proposal: Bytes } {
  const { actions } = readMessage(data, "Transaction", at, { actions: [1, "list"] });
  const [first = new Uint8Array(), ...more] = actions;
  if (more.length > 0) throw new Fault(at, "a transaction of several actions");
  const action = readMessage(first, "TransactionAction", at, { header: [1, "bytes"], payload: [2, "bytes"] });
  if (!sameBytes(action.header, header)) throw new Fault(at, "the action has a header of its own");
  const { proposal, endorsed } = readMessage(action.payload, "ChaincodeActionPayload", at, {
    proposal: [1, "bytes"],
    endorsed: [2, "bytes"],
  });
  const { response, endorsements } = readMessage(endorsed, "ChaincodeEndorsedAction", at, {
    response: [1, "bytes"],
    endorsements: [2, "list"],
  });
  const shape = { endorser: [1, "bytes"], signature: [2, "bytes"] } as const;
  return { proposal, response, endorsements: endorsements.map((one) => readMessage(one, "Endorsement", at, shape)) };
}

function readChannelHeader(bytes: Bytes, at: string): Pick<Endorsed, "channel" | "chaincode" | "id" | "time"> {
  const header = readMessage(bytes, "ChannelHeader", at, {
    type: [1, "number"],
    version: [2, "number"],
    timestamp: [3, "bytes"],
    channel: [4, "bytes"],
    id: [5, "bytes"],
    epoch: [6, "number"],
    extension: [7, "bytes"],
    tlsCertHash: [8, "bytes"],
  });
  if (header.type !== ENDORSER_TRANSACTION) throw new Fault(at, "not a transaction of endorsers");
  const { seconds, nanos } = readMessage(header.timestamp, "Timestamp", at, {
    seconds: [1, "number"],
    nanos: [2, "number"],
  });
  const time = seconds * 1_000 + Math.floor(nanos / 1_000_000);
  if (time === 0 || !(Math.abs(time) <= 8.64e15)) throw new Fault(at, "a transaction without a time");
  const { chaincode } = readMessage(header.extension, "ChaincodeHeaderExtension", at, { chaincode: [2, "bytes"] });
  return { channel: text(header.channel, at), chaincode: readName(chaincode, at), id: text(header.id, at), time };
}

function readProposal(bytes: Bytes, at: string): Pick<Endorsed, "chaincode" | "args"> {
  const { input } = readMessage(bytes, "ChaincodeProposalPayload", at, { input: [1, "bytes"] });
  const { spec } = readMessage(input, "ChaincodeInvocationSpec", at, { spec: [1, "bytes"] });
  const call = readMessage(spec, "ChaincodeSpec", at, {
    type: [1, "number"],
    chaincode: [2, "bytes"],
    input: [3, "bytes"],
    timeout: [4, "number"],
  });
  const { args } = readMessage(call.input, "ChaincodeInput", at, { args: [1, "list"] });
  return { chaincode: readName(call.chaincode, at), args: args.map((arg) => text(arg, at)) };
}

function readName(bytes: Bytes, at: string): string {
  const shape = { path: [1, "bytes"], name: [2, "bytes"], version: [3, "bytes"] } as const;
  return text(readMessage(bytes, "ChaincodeID", at, shape).name, at);
}

function readResult(bytes: Bytes, at: string): Result & { readonly chaincode: string } {
  const action = readMessage(bytes, "ChaincodeAction", at, {
    results: [1, "bytes"],
    // The contract's event repeats what it wrote; the writes are what counts, and the endorsers' signatures cover both.
    events: [2, "bytes"],
    response: [3, "bytes"],
    chaincode: [4, "bytes"],
  });
  const { status, payload } = readMessage(action.response, "Response", at, {
    status: [1, "number"],
    message: [2, "bytes"],
    payload: [3, "bytes"],
  });
  const { sets } = readMessage(action.results, "TxReadWriteSet", at, { dataModel: [1, "number"], sets: [2, "list"] });
  const all = sets.map((set) => readSet(set, at));
  return {
    chaincode: readName(action.chaincode, at),
    status,
    payload: text(payload, at),
    reads: all.flatMap(({ reads }) => reads),
    writes: all.flatMap(({ writes }) => writes),
  };
}

/** Range queries, private data and key policies are none of this contract's: a set that has them is refused. */
function readSet(bytes: Bytes, at: string): Pick<Result, "reads" | "writes"> {
  const { name, set } = readMessage(bytes, "NsReadWriteSet", at, { name: [1, "bytes"], set: [2, "bytes"] });
  const { reads, writes } = readMessage(set, "KVRWSet", at, { reads: [1, "list"], writes: [3, "list"] });
  const namespace = text(name, at);
  return {
    reads: reads.map((read) => {
      const { key, version } = readMessage(read, "KVRead", at, { key: [1, "bytes"], version: [2, "message"] });
      const shape = { block: [1, "number"], transaction: [2, "number"] } as const;
      const block = version === undefined ? undefined : readMessage(version, "Version", at, shape).block;
      return { namespace, key: text(key, at), block };
    }),
    writes: writes.map((write) => {
      const shape = { key: [1, "bytes"], isDelete: [2, "number"], value: [3, "bytes"] } as const;
      const { key, isDelete, value } = readMessage(write, "KVWrite", at, shape);
      return { namespace, key: text(key, at), value: text(value, at), isDelete: isDelete !== 0 };
    }),
  };
}

function text(bytes: Bytes, at: string): string {
  const found = fromUtf8(bytes);
  if (found === undefined) throw new Fault(at, "bytes that should be text are not UTF-8");
  return found;
}
