/**
 * A batch's way onto the channel: endorse, submit, commit status, each with a deadline of its own. After a submit the
 * outcome is found out by the transaction's id, never guessed.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { GatewayError, type Status, StatusCode, type Transaction } from "@hyperledger/fabric-gateway";
import { gateway, msp } from "@hyperledger/fabric-protos";
import type { Entry } from "@medtrace/chaincode/contract";
import { hasCode, MedtraceError } from "@medtrace/shared/errors";
import { type Batch, batchHash } from "@medtrace/shared/model/batch";
import { canonicalText, type Json } from "@medtrace/shared/model/canonical";
import type { Anchor } from "@medtrace/shared/ports/ledger";
import { chaincodeError, describe, isNotSent, unavailable } from "./failures.ts";
import type { SigningIdentity } from "./identity.ts";
import type { Peer, Peers } from "./peers.ts";

/** gRPC's ABORTED. */
const ABORTED = 10;
const LAG_WAIT_MS = 20;
const LAG_WAIT_MS_MAX = 1_000;
/** A peer that is cut off from the orderers would never know; then the next is asked. */
const STATUS_PER_PEER_MS = 5_000;
const STATUS_RETRY_MS = 100;

/** Fabric's validation codes by what they mean for a batch that was not anchored. */
const CONFLICTS: ReadonlySet<number> = new Set([StatusCode.MVCC_READ_CONFLICT, StatusCode.PHANTOM_READ_CONFLICT]);
const PASSING: ReadonlySet<number> = new Set([
  StatusCode.ENDORSEMENT_POLICY_FAILURE,
  StatusCode.EXPIRED_CHAINCODE,
  StatusCode.CHAINCODE_VERSION_CONFLICT,
  StatusCode.INVALID_CHAINCODE,
]);

interface Endorsed {
  readonly peer: Peer;
  readonly transaction: Transaction;
  readonly entry: Entry;
}

export interface AnchoringOptions {
  readonly peers: Peers;
  readonly channel: string;
  readonly signing: SigningIdentity;
  /** The batch in this place of the owner's stream, as committed. */
  readonly readEntry: (batch: Batch) => Promise<Entry | undefined>;
}

export class Anchoring {
  readonly #options: AnchoringOptions;
  readonly #peers: Peers;

  constructor(options: AnchoringOptions) {
    this.#options = options;
    this.#peers = options.peers;
  }

  /** @throws MedtraceError as the port's anchorBatch */
  async anchor(batch: Batch): Promise<Anchor> {
    const { peer, transaction, entry } = await this.#endorse(canonicalText(batch as unknown as Json));
    const id = transaction.getTransactionId();
    // The contract wrote nothing: the batch stands since an earlier transaction.
    if (entry.transaction !== id) return this.#standing(entry);
    const sent = await this.#submit(transaction, peer);
    const status = await this.#status(id);
    if (status === undefined) throw unknown(id, sent);
    if (status.successful) return this.#anchorOf(entry, status);
    if (CONFLICTS.has(status.code)) return this.#afterConflict(batch, id);
    throw invalid(id, status);
  }

  async #endorse(text: string): Promise<Endorsed> {
    const deadline = performance.now() + this.#peers.limits.endorse_ms_max;
    for (let wait_ms = LAG_WAIT_MS; ; wait_ms = Math.min(2 * wait_ms, LAG_WAIT_MS_MAX)) {
      try {
        return await this.#peers.call("endorsing a batch", (peer) => this.#endorseAt(peer, text));
      } catch (error) {
        const lags = hasCode(error, "LEDGER_UNAVAILABLE") && error.cause instanceof GatewayError;
        if (!lags || !isPassing(error.cause as GatewayError) || performance.now() + wait_ms > deadline) throw error;
      }
      await sleep(wait_ms);
    }
  }

  async #endorseAt(peer: Peer, text: string): Promise<Endorsed> {
    const deadline = Date.now() + this.#peers.limits.endorse_ms_max;
    const call = { arguments: [text] };
    const proposal = peer.contract.newProposal("anchorBatch", call);
    try {
      const transaction = await proposal.endorse({ deadline });
      return { peer, transaction, entry: JSON.parse(Buffer.from(transaction.getResult()).toString()) as Entry };
    } catch (error) {
      if (chaincodeError(error) === undefined && !disagree(error)) throw error;
      // Peers of other organisations may be a block behind: what this gateway's own peer says is what counts.
      await peer.contract.newProposal("anchorBatch", call).evaluate({ deadline });
      throw new MedtraceError("LEDGER_UNAVAILABLE", `organisations do not agree yet: ${describe(error)}`, {
        hint: "see whether every organisation's peer has all blocks; nothing was anchored",
        cause: error,
      });
    }
  }

  /** Hands the transaction to the orderers: false where no peer could say that they have it. */
  async #submit(transaction: Transaction, first: Peer): Promise<boolean> {
    const bytes = transaction.getBytes();
    return this.#peers.bounded(async () => {
      let notSent: unknown;
      let inDoubt = false;
      for (const peer of [first, ...this.#peers.inOrder().filter((other) => other !== first)]) {
        try {
          // The same transaction may be handed over twice: of one id, only one is ever valid.
          await peer.gateway.newTransaction(bytes).submit({ deadline: Date.now() + this.#peers.limits.submit_ms_max });
          return true;
        } catch (error) {
          peer.failed();
          if (isNotSent(error)) notSent = error;
          else inDoubt = true;
        }
      }
      if (inDoubt) return false;
      throw unavailable("handing a batch to the orderers", notSent);
    });
  }

  /** How the transaction ended; undefined where no peer knows in time. */
  async #status(transaction: string): Promise<Status | undefined> {
    const request = this.#statusRequest(transaction);
    return this.#peers.bounded(async () => {
      const deadline = performance.now() + this.#peers.limits.commit_ms_max;
      for (;;) {
        for (const peer of this.#peers.inOrder()) {
          const left_ms = deadline - performance.now();
          if (left_ms <= 0) return undefined;
          try {
            const wait_ms = Math.min(left_ms, STATUS_PER_PEER_MS);
            const status = await peer.gateway.newCommit(request).getStatus({ deadline: Date.now() + wait_ms });
            this.#peers.saw(Number(status.blockNumber));
            return status;
          } catch {
            peer.failed();
          }
        }
        await sleep(STATUS_RETRY_MS);
      }
    });
  }

  #statusRequest(transaction: string): Uint8Array {
    const { mspId, credentials } = this.#options.signing.identity;
    const creator = new msp.SerializedIdentity();
    creator.setMspid(mspId);
    creator.setIdBytes(credentials);
    const request = new gateway.CommitStatusRequest();
    request.setTransactionId(transaction);
    request.setChannelId(this.#options.channel);
    request.setIdentity(creator.serializeBinary());
    const signed = new gateway.SignedCommitStatusRequest();
    signed.setRequest(request.serializeBinary());
    return signed.serializeBinary();
  }

  async #afterConflict(batch: Batch, transaction: string): Promise<Anchor> {
    const entry = await this.#options.readEntry(batch);
    if (entry !== undefined && batchHash(entry.batch) === batchHash(batch)) return this.#standing(entry);
    // The head is where it was: what came between is a definition of the chaincode.
    if (entry === undefined) throw changedMeanwhile(transaction, "MVCC_READ_CONFLICT");
    throw new MedtraceError("LEDGER_CONFLICT", `another writer moved the head of ${batch.stream}`, {
      hint: "read the stream's head again and build the batch from there",
    });
  }

  async #standing(entry: Entry): Promise<Anchor> {
    const status = await this.#status(entry.transaction);
    if (status === undefined) throw unavailable("looking up a batch", new Error("no peer answers"));
    return this.#anchorOf(entry, status);
  }

  #anchorOf({ batch, transaction }: Entry, status: Status): Anchor {
    const owner = this.#options.signing.identity.mspId;
    const { stream, sequence } = batch;
    return { owner, stream, sequence, transaction, block: Number(status.blockNumber) };
  }
}

/** Endorsers answered with different bytes: one of them has a block that the other has not. */
function disagree(error: unknown): boolean {
  return error instanceof GatewayError && error.code === ABORTED && /do not match/i.test(describe(error));
}

/** Soon after a start, or a block, peers know too little of each other to endorse together. */
function isPassing(error: GatewayError): boolean {
  return error.code === ABORTED || /no (combination of )?peers/i.test(describe(error));
}

function unknown(transaction: string, sent: boolean): MedtraceError {
  const how = sent ? "was handed to the orderers" : "may have been handed to the orderers";
  return new MedtraceError("LEDGER_UNKNOWN", `transaction ${transaction} ${how} and no peer knows how it ended`, {
    hint: "anchor the same batch again: it is anchored once, whatever became of this transaction",
  });
}

function invalid(transaction: string, { code }: Status): MedtraceError {
  const name = Object.entries(StatusCode).find(([, value]) => value === code)?.[0] ?? code;
  if (PASSING.has(code)) return changedMeanwhile(transaction, `${name}`);
  const message = `the peers found transaction ${transaction} invalid: ${name}`;
  return new MedtraceError("LEDGER_REFUSED", message, { hint: "see the peers' logs" });
}

function changedMeanwhile(transaction: string, code: string): MedtraceError {
  return new MedtraceError("LEDGER_UNAVAILABLE", `the peers found transaction ${transaction} invalid: ${code}`, {
    hint: "was the chaincode's definition changed meanwhile? nothing was anchored; try again",
  });
}
