/** Reads Fabric's evidence as someone does who trusts the organisations' CAs alone. */
import { strict as assert } from "node:assert";
import { verify, X509Certificate } from "node:crypto";
import { common, msp, peer } from "@hyperledger/fabric-protos";
import type { Entry } from "@medtrace/chaincode/contract";
import { type Bytes, fromUtf8, sameBytes, sha256 } from "@medtrace/shared/model/bytes";
import type { FabricOrganisation, FabricTrust, LedgerProof } from "@medtrace/shared/model/evidence";
import { provenName } from "@medtrace/shared/ports/ledger.contract.proof";
import { anchoredBy } from "../block.ts";

/** What a majority of the organisations endorsed. */
interface Endorsed {
  readonly transaction: string;
  readonly data: Bytes;
  readonly args: readonly string[];
  readonly response: Bytes;
}

/** The batches that the proof shows to whoever trusts the anchor. @throws AssertionError */
export function provenBatches(proof: LedgerProof, trust: string): Set<string> {
  assert.equal(proof.kind, "fabric");
  const trusted = JSON.parse(trust) as FabricTrust;
  const proven = new Set<string>();
  for (const anchor of proof.anchors) {
    const written = readEndorsed(anchor.transaction, trusted, "then");
    const read = readEndorsed(anchor.read, trusted, "now");
    const batches = anchoredBy(written.data, written.transaction, trusted.chaincode);
    assert.equal(batches.length, 1);
    for (const { owner, batch } of batches) {
      assert.deepEqual(read.args, ["readBatch", owner, batch.stream, `${batch.sequence}`]);
      const entry = JSON.parse(fromUtf8(read.response)) as Entry;
      assert.deepEqual(entry, { batch, transaction: written.transaction });
      assert.ok(!proven.has(provenName(owner, batch)), "one batch twice");
      proven.add(provenName(owner, batch));
    }
  }
  return proven;
}

/** @param majority of those who were there when it was sent, or of all that are trusted */
function readEndorsed(envelope: string, trust: FabricTrust, majority: "then" | "now"): Endorsed {
  const payload = common.Payload.deserializeBinary(
    common.Envelope.deserializeBinary(Buffer.from(envelope, "base64")).getPayload_asU8(),
  );
  const data = payload.getData_asU8();
  const [action, ...more] = peer.Transaction.deserializeBinary(data).getActionsList();
  assert.ok(action !== undefined && more.length === 0);
  const content = peer.ChaincodeActionPayload.deserializeBinary(action.getPayload_asU8());
  const signed = content.getAction();
  const sent = payload.getHeader()?.getChannelHeader_asU8() ?? Buffer.of();
  const time = common.ChannelHeader.deserializeBinary(sent).getTimestamp()?.toDate().toISOString() ?? "";
  assert.ok(signed !== undefined);
  const bytes = signed.getProposalResponsePayload_asU8();
  const endorsers = signed.getEndorsementsList().map((endorsement) => endorserOf(endorsement, bytes, trust));
  const isCounted = ({ since }: FabricOrganisation): boolean =>
    majority === "now" || since === undefined || since <= time;
  const total = Object.values(trust.organisations).filter(isCounted).length;
  assert.ok(2 * new Set(endorsers).size > total, "a majority endorses");
  const proposal = content.getChaincodeProposalPayload_asU8();
  const response = peer.ProposalResponsePayload.deserializeBinary(bytes);
  const headers = [payload.getHeader()?.getChannelHeader_asU8(), payload.getHeader()?.getSignatureHeader_asU8()];
  const hash = sha256(Buffer.concat([...headers.map((header) => header ?? Buffer.of()), proposal]));
  assert.ok(sameBytes(hash, response.getProposalHash_asU8()), "the endorsements are of this proposal");
  const header = common.ChannelHeader.deserializeBinary(headers[0] ?? Buffer.of());
  assert.equal(header.getChannelId(), trust.channel);
  const result = peer.ChaincodeAction.deserializeBinary(response.getExtension_asU8());
  assert.equal(result.getChaincodeId()?.getName(), trust.chaincode);
  return {
    transaction: header.getTxId(),
    data,
    args: argumentsOf(proposal),
    response: result.getResponse()?.getPayload_asU8() ?? Buffer.of(),
  };
}

function argumentsOf(proposal: Bytes): string[] {
  const input = peer.ChaincodeProposalPayload.deserializeBinary(proposal).getInput_asU8();
  const spec = peer.ChaincodeInvocationSpec.deserializeBinary(input).getChaincodeSpec();
  return spec?.getInput()?.getArgsList_asU8().map(fromUtf8) ?? [];
}

/** MSP id of an endorser whose signature and certificate hold. */
function endorserOf(endorsement: peer.Endorsement, payload: Bytes, trust: FabricTrust): string {
  const endorser = endorsement.getEndorser_asU8();
  const identity = msp.SerializedIdentity.deserializeBinary(endorser);
  const certificate = new X509Certificate(identity.getIdBytes_asU8());
  const organisation = trust.organisations[identity.getMspid()];
  assert.ok(organisation !== undefined && isIssuedBy(certificate, organisation), "the organisation's CA issued it");
  assert.match(certificate.subject, /^OU=peer$/m);
  const message = Buffer.concat([payload, endorser]);
  assert.ok(verify("sha256", message, certificate.publicKey, endorsement.getSignature_asU8()), "the signature holds");
  return identity.getMspid();
}

function isIssuedBy(certificate: X509Certificate, { roots, intermediates }: FabricOrganisation): boolean {
  return [...roots, ...intermediates]
    .map((pem) => new X509Certificate(pem))
    .some((ca) => certificate.checkIssued(ca) && certificate.verify(ca.publicKey));
}
