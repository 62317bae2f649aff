/** Evidence of batches: the transactions that wrote them, and reads of them, as the organisations endorsed both. */
import { gateway, peer } from "@hyperledger/fabric-protos";
import type { Entry } from "@medtrace/chaincode/contract";
import { MedtraceError } from "@medtrace/shared/errors";
import { type BatchRef, batchId } from "@medtrace/shared/model/batch";
import type { Bytes } from "@medtrace/shared/model/bytes";
import type { FabricLedgerProof } from "@medtrace/shared/model/evidence";
import type { Reads } from "./reads.ts";

/** Each batch takes about 10 KB of evidence and three calls to the peers. */
const PROVE_REFS_MAX = 1_000;

/** @throws MedtraceError as the port's prove */
export async function proveBatches(reads: Reads, refs: readonly BatchRef[]): Promise<FabricLedgerProof> {
  if (refs.length < 1) throw new MedtraceError("INPUT_INVALID", "a proof is of one batch at least");
  if (refs.length > PROVE_REFS_MAX) {
    throw new MedtraceError("INPUT_TOO_LARGE", `a proof is of ${PROVE_REFS_MAX} batches at most`);
  }
  const unique = [...new Map(refs.map((ref) => [batchId(ref), ref])).values()];
  const entries = await Promise.all(unique.map((ref) => find(reads, ref)));
  const anchors = await Promise.all(unique.map((ref, i) => proveBatch(reads, ref, entries[i] as Entry)));
  return { kind: "fabric", anchors };
}

async function find(reads: Reads, ref: BatchRef): Promise<Entry> {
  const entry = await reads.batch(ref);
  if (entry !== undefined) return entry;
  throw new MedtraceError("NOT_FOUND", "this batch is not anchored", { at: batchId(ref) });
}

async function proveBatch(reads: Reads, ref: BatchRef, entry: Entry): Promise<FabricLedgerProof["anchors"][number]> {
  const [processed, read] = await Promise.all([reads.transaction(entry.transaction), reads.endorsedBatch(ref)]);
  const transaction = peer.ProcessedTransaction.deserializeBinary(processed);
  const envelope = transaction.getTransactionenvelope();
  const endorsed = gateway.PreparedTransaction.deserializeBinary(read).getEnvelope();
  if (
    transaction.getValidationcode() === peer.TxValidationCode.VALID &&
    envelope !== undefined &&
    endorsed !== undefined
  ) {
    return { transaction: base64(envelope.serializeBinary()), read: base64(endorsed.serializeBinary()) };
  }
  throw new MedtraceError("INTEGRITY", `transaction ${entry.transaction} is not what the world state says of it`, {
    at: batchId(ref),
    hint: "compare it with that of another organisation's peer",
  });
}

function base64(bytes: Bytes): string {
  return Buffer.from(bytes).toString("base64");
}
