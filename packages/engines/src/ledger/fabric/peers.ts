/**
 * The gateway peers of one channel: each call goes to the first that is up, and to the next where that one cannot serve
 * it. A peer that takes over must have every block that was seen before: what was read never goes back.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { Client, credentials } from "@grpc/grpc-js";
import { type Contract, connect, type Gateway, type Network } from "@hyperledger/fabric-gateway";
import { common } from "@hyperledger/fabric-protos";
import { MedtraceError } from "@medtrace/shared/errors";
import type { FabricAddress } from "./address.ts";
import type { FabricLimits } from "./config.ts";
import { chaincodeError, unavailable } from "./failures.ts";
import type { SigningIdentity } from "./identity.ts";
import { Slots } from "./slots.ts";

/** Full blocks are received: Fabric's default AbsoluteMaxBytes is 10 MB, and a channel may have more. */
const RECEIVE_BYTES_MAX = 128 * 1_048_576;
/** Fabric peers take no keepalive more often than once a minute by default. */
const KEEPALIVE_MS = 120_000;
const KEEPALIVE_TIMEOUT_MS = 20_000;
const WAITING_MAX = 10_000;
/** A peer that failed is asked last for so long, twice as long when it fails again, and so on up to the bound. */
const DOWN_MS = 1_000;
const DOWN_MS_MAX = 60_000;
const CATCH_UP_POLL_MS = 20;

export class Peer {
  readonly address: string;
  readonly gateway: Gateway;
  readonly network: Network;
  readonly contract: Contract;
  readonly system: Contract;
  readonly #client: Client;
  readonly #channel: string;
  #down_ms = 0;
  #downUntil_ms = 0;

  constructor(address: string, { channel, chaincode }: FabricAddress, tlsCa: Buffer, signing: SigningIdentity) {
    this.address = address;
    this.#channel = channel;
    this.#client = new Client(address, credentials.createSsl(tlsCa), {
      "grpc.max_receive_message_length": RECEIVE_BYTES_MAX,
      "grpc.keepalive_time_ms": KEEPALIVE_MS,
      "grpc.keepalive_timeout_ms": KEEPALIVE_TIMEOUT_MS,
    });
    this.gateway = connect({ client: this.#client, ...signing });
    this.network = this.gateway.getNetwork(channel);
    this.contract = this.network.getContract(chaincode);
    this.system = this.network.getContract("qscc");
  }

  /** How many blocks this peer has. */
  async height(deadline_ms: number): Promise<number> {
    const proposal = this.system.newProposal("GetChainInfo", { arguments: [this.#channel] });
    const info = await proposal.evaluate({ deadline: Date.now() + deadline_ms });
    return common.BlockchainInfo.deserializeBinary(info).getHeight();
  }

  get isDown(): boolean {
    return this.#downUntil_ms > performance.now();
  }

  failed(): void {
    // Calls that were under way together fail together, and count once.
    if (this.isDown) return;
    this.#down_ms = Math.min(Math.max(DOWN_MS, 2 * this.#down_ms), DOWN_MS_MAX);
    this.#downUntil_ms = performance.now() + this.#down_ms;
  }

  served(): void {
    this.#down_ms = 0;
    this.#downUntil_ms = 0;
  }

  close(): void {
    this.gateway.close();
    this.#client.close();
  }
}

export class Peers {
  readonly limits: FabricLimits;
  readonly #peers: readonly Peer[];
  readonly #slots: Slots;
  /** One past the highest block that anything was seen of. */
  #seen = 0;
  #last: Peer | undefined;

  constructor(peers: readonly Peer[], limits: FabricLimits) {
    this.#peers = peers;
    this.limits = limits;
    this.#slots = new Slots(limits.concurrency_max, WAITING_MAX);
  }

  /** Remembers that there is a block of this number. */
  saw(block: number): void {
    this.#seen = Math.max(this.#seen, block + 1);
  }

  /** Peers in the order to ask them in now. */
  inOrder(): readonly Peer[] {
    return [...this.#peers.filter(({ isDown }) => !isDown), ...this.#peers.filter(({ isDown }) => isDown)];
  }

  /**
   * Makes a call that may be made again: of each peer in turn, until one serves it.
   *
   * @throws MedtraceError what our chaincode answered; LEDGER_UNAVAILABLE where no peer serves it; BUSY.
   */
  async call<T>(what: string, action: (peer: Peer) => Promise<T>): Promise<T> {
    return this.#slots.run(async () => {
      let failed: unknown;
      for (const peer of this.inOrder()) {
        try {
          await this.#caughtUp(peer);
          const result = await action(peer);
          peer.served();
          return result;
        } catch (error) {
          const answered = error instanceof MedtraceError ? error : chaincodeError(error);
          if (answered !== undefined) throw answered;
          peer.failed();
          failed = error;
        }
      }
      throw unavailable(what, failed);
    });
  }

  /** Makes a call that must not simply be made again, within the bound on calls at one time. @throws MedtraceError BUSY */
  async bounded<T>(action: () => Promise<T>): Promise<T> {
    return this.#slots.run(action);
  }

  async #caughtUp(peer: Peer): Promise<void> {
    if (peer === this.#last) return;
    const deadline = performance.now() + this.limits.endorse_ms_max;
    while ((await peer.height(this.limits.endorse_ms_max)) < this.#seen) {
      if (performance.now() > deadline) throw new Error(`${peer.address} lags behind block ${this.#seen - 1}`);
      await sleep(CATCH_UP_POLL_MS);
    }
    this.#last = peer;
  }

  close(): void {
    for (const peer of this.#peers) peer.close();
  }
}
