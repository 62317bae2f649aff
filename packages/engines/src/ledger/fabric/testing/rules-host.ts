/** The contract on a running channel, each step of a transaction by itself. */
import { setTimeout as sleep } from "node:timers/promises";
import { GatewayError, type Transaction } from "@hyperledger/fabric-gateway";
import { common, peer } from "@hyperledger/fabric-protos";
import type { RulesHost } from "@medtrace/chaincode/testing/rules";
import type { Verdict } from "@medtrace/chaincode/testing/world-state";
import type { Batch, BatchRef } from "@medtrace/shared/model/batch";
import { canonicalText, type Json } from "@medtrace/shared/model/canonical";
import { newStream } from "@medtrace/shared/ports/ledger.contract.kit";
import { parseFabricUrl } from "../address.ts";
import { readTransaction } from "../audit/envelope.ts";
import { fabricSettings } from "../config.ts";
import { chaincodeError } from "../failures.ts";
import { readIdentity, readTlsCa } from "../identity.ts";
import { FabricLedger } from "../ledger.ts";
import { Peer } from "../peers.ts";

const OWNERS = ["HospitalAMSP", "HospitalBMSP"] as const;
const DEADLINE_MS = 60_000;
const POLL_MS = 50;
const { TRANSACTIONS_FILTER } = common.BlockMetadataIndex;
const { VALID, MVCC_READ_CONFLICT, DUPLICATE_TXID } = peer.TxValidationCode;
const VERDICTS: ReadonlyMap<number, Verdict> = new Map([
  [VALID, "valid"],
  [MVCC_READ_CONFLICT, "conflict"],
  [DUPLICATE_TXID, "duplicate"],
]);

/** An endorsed transaction; only who proposed it can sign it. */
export interface Endorsed {
  readonly owner: string;
  readonly transaction: Transaction;
}

export class ChannelRules implements RulesHost<Endorsed> {
  readonly owners: readonly [string, string] = OWNERS;
  readonly #ledger: FabricLedger;
  /** Each owner's way to every peer. */
  readonly #peers: ReadonlyMap<string, readonly Peer[]>;

  private constructor(ledger: FabricLedger, peers: ReadonlyMap<string, readonly Peer[]>) {
    this.#ledger = ledger;
    this.#peers = peers;
  }

  static async open(url: string): Promise<ChannelRules> {
    const address = parseFabricUrl(url);
    const { identities, tlsCa } = fabricSettings();
    const ca = await readTlsCa(tlsCa);
    const peers = new Map<string, readonly Peer[]>();
    for (const owner of OWNERS) {
      const signing = await readIdentity(identities, owner);
      peers.set(
        owner,
        address.peers.map((one) => new Peer(one, address, ca, signing)),
      );
    }
    return new ChannelRules(await FabricLedger.open(url, { owner: OWNERS[0] }), peers);
  }

  newStream(): string {
    return newStream();
  }

  async endorse(owner: string, batch: Batch): Promise<Endorsed | undefined> {
    const [gateway] = this.#peers.get(owner) as readonly [Peer];
    const call = { arguments: [canonicalText(batch as unknown as Json)] };
    for (const until = Date.now() + DEADLINE_MS; ; await sleep(POLL_MS)) {
      try {
        const transaction = await gateway.contract.newProposal("anchorBatch", call).endorse({ deadline: until });
        return { owner, transaction };
      } catch (error) {
        if (chaincodeError(error)?.code === "LEDGER_REFUSED") return undefined;
        // Peers that have not met yet, or a chaincode that is just starting.
        if (!(error instanceof GatewayError) || Date.now() > until) throw error;
      }
    }
  }

  async order(transactions: readonly Endorsed[]): Promise<readonly Verdict[]> {
    const verdicts: Verdict[] = [];
    for (const transaction of transactions) verdicts.push(await this.#orderOne(transaction));
    const height = await this.#ledger.height();
    for (const one of this.#peers.get(OWNERS[0]) ?? []) {
      while ((await one.height(DEADLINE_MS)) < height) await sleep(POLL_MS);
    }
    return verdicts;
  }

  /** Its flag in the block that it comes in: asked by its id, peers only tell of the first. */
  async #orderOne({ owner, transaction }: Endorsed): Promise<Verdict> {
    const from = await this.#ledger.height();
    const [gateway] = this.#peers.get(owner) as readonly [Peer];
    const again = gateway.gateway.newTransaction(transaction.getBytes());
    await again.submit({ deadline: Date.now() + DEADLINE_MS });
    for await (const { raw } of this.#ledger.rawBlocks(from, AbortSignal.timeout(DEADLINE_MS))) {
      const envelopes = raw.getData()?.getDataList_asU8() ?? [];
      const place = envelopes.findIndex((one) => readTransaction(one).id === transaction.getTransactionId());
      const flag = raw.getMetadata()?.getMetadataList_asU8()[TRANSACTIONS_FILTER]?.[place];
      const verdict = flag === undefined ? undefined : VERDICTS.get(flag);
      if (verdict !== undefined) return verdict;
      if (place >= 0) throw new Error(`the peers gave transaction ${transaction.getTransactionId()} the code ${flag}`);
    }
    throw new Error(`transaction ${transaction.getTransactionId()} came in no block`);
  }

  readBatch(ref: BatchRef): Promise<Batch | undefined> {
    return this.#ledger.readBatch(ref);
  }

  async readHead(owner: string, stream: string): Promise<Batch | undefined> {
    return (await this.#ledger.readHead(owner, stream))?.batch;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const peers of this.#peers.values()) for (const one of peers) one.close();
    await this.#ledger[Symbol.asyncDispose]();
  }
}
