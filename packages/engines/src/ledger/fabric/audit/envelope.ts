/** Transactions of a channel, taken apart: who sent what, and what the endorsers signed. */
import { common, ledger, msp, peer } from "@hyperledger/fabric-protos";
import { type Bytes, hex, sameBytes, sha256 } from "@medtrace/shared/model/bytes";

const NOTHING = new Uint8Array();

export interface FabricIdentity {
  readonly mspId: string;
  /** Certificate, PEM. */
  readonly certificate: Bytes;
}

export interface Signed {
  readonly identity: FabricIdentity;
  readonly message: Bytes;
  readonly signature: Bytes;
}

export interface Transaction {
  /** A common.HeaderType. */
  readonly type: number;
  readonly channel: string;
  readonly id: string;
  readonly creator: Signed;
  /** The payload's data: a protos.Transaction, or a common.ConfigEnvelope. */
  readonly data: Bytes;
  /** True where the id is the hash of nonce and creator, as it must be. */
  readonly idHolds: boolean;
  /** The two headers, as the proposal's hash covers them. */
  readonly headers: readonly [channel: Bytes, signature: Bytes];
}

/** @throws Error for what is no envelope. */
export function readTransaction(envelope: Bytes): Transaction {
  const outer = common.Envelope.deserializeBinary(envelope);
  const payload = common.Payload.deserializeBinary(outer.getPayload_asU8());
  const headers = [
    payload.getHeader()?.getChannelHeader_asU8() ?? NOTHING,
    payload.getHeader()?.getSignatureHeader_asU8() ?? NOTHING,
  ] as const;
  const channel = common.ChannelHeader.deserializeBinary(headers[0]);
  const signature = common.SignatureHeader.deserializeBinary(headers[1]);
  const creator = signature.getCreator_asU8();
  const id = channel.getTxId();
  return {
    type: channel.getType(),
    channel: channel.getChannelId(),
    id,
    creator: {
      identity: readIdentity(creator),
      message: outer.getPayload_asU8(),
      signature: outer.getSignature_asU8(),
    },
    data: payload.getData_asU8(),
    idHolds: hex(sha256(Buffer.concat([signature.getNonce_asU8(), creator]))) === id,
    headers,
  };
}

/** @throws Error for what is no msp.SerializedIdentity. */
export function readIdentity(bytes: Bytes): FabricIdentity {
  const identity = msp.SerializedIdentity.deserializeBinary(bytes);
  return { mspId: identity.getMspid(), certificate: identity.getIdBytes_asU8() };
}

/** A key as a transaction read it: the block and the place in it that wrote it, or undefined where nothing had. */
export interface ReadKey {
  /** The chaincode whose world state it is of. */
  readonly namespace: string;
  readonly key: string;
  readonly version: string | undefined;
}

export interface WrittenKey {
  readonly namespace: string;
  readonly key: string;
  readonly value: Bytes;
  readonly isDelete: boolean;
}

/** What endorsers signed of one transaction. */
export interface Endorsed {
  readonly endorsements: readonly Signed[];
  /** True where what they signed is of this transaction's proposal, and of no other. */
  readonly proposalHolds: boolean;
  readonly reads: readonly ReadKey[];
  readonly writes: readonly WrittenKey[];
}

/** A version as text. */
export function versionOf(block: number, place: number): string {
  return `${block}:${place}`;
}

/** @throws Error for what is no transaction of one action: Fabric has no other. */
export function readEndorsed({ data, headers }: Transaction): Endorsed {
  const [action, ...more] = peer.Transaction.deserializeBinary(data).getActionsList();
  const content = peer.ChaincodeActionPayload.deserializeBinary(action?.getPayload_asU8() ?? NOTHING);
  const signed = content.getAction();
  if (signed === undefined || more.length > 0) throw new Error("a transaction has one action");
  const bytes = signed.getProposalResponsePayload_asU8();
  const response = peer.ProposalResponsePayload.deserializeBinary(bytes);
  const proposal = sha256(Buffer.concat([...headers, content.getChaincodeProposalPayload_asU8()]));
  const results = peer.ChaincodeAction.deserializeBinary(response.getExtension_asU8()).getResults_asU8();
  return {
    endorsements: signed.getEndorsementsList().map((endorsement) => {
      const endorser = endorsement.getEndorser_asU8();
      return {
        identity: readIdentity(endorser),
        message: Buffer.concat([bytes, endorser]),
        signature: endorsement.getSignature_asU8(),
      };
    }),
    proposalHolds: sameBytes(proposal, response.getProposalHash_asU8()),
    ...readSets(results),
  };
}

function readSets(results: Bytes): Pick<Endorsed, "reads" | "writes"> {
  const sets = ledger.rwset.TxReadWriteSet.deserializeBinary(results)
    .getNsRwsetList()
    .map((set) => ({
      namespace: set.getNamespace(),
      keys: ledger.rwset.kvrwset.KVRWSet.deserializeBinary(set.getRwset_asU8()),
    }));
  return {
    reads: sets.flatMap(({ namespace, keys }) =>
      keys.getReadsList().map((read) => {
        const version = read.getVersion();
        const at = version === undefined ? undefined : versionOf(version.getBlockNum(), version.getTxNum());
        return { namespace, key: read.getKey(), version: at };
      }),
    ),
    writes: sets.flatMap(({ namespace, keys }) =>
      keys.getWritesList().map((write) => ({
        namespace,
        key: write.getKey(),
        value: write.getValue_asU8(),
        isDelete: write.getIsDelete(),
      })),
    ),
  };
}
