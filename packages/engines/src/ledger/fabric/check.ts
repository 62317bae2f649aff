/** Checking the whole channel: every block as an auditor does, every stream's chain, and the world state's heads. */
import type { OwnedEntry } from "@medtrace/chaincode/contract";
import { hasCode } from "@medtrace/shared/errors";
import { type Batch, batchHash, batchId, NO_BATCH } from "@medtrace/shared/model/batch";
import type { LedgerBlock } from "@medtrace/shared/ports/ledger";
import type { FabricAddress } from "./address.ts";
import { ChannelAudit } from "./audit/channel.ts";
import { followRawBlocks } from "./follow.ts";
import type { Peers } from "./peers.ts";
import type { Reads } from "./reads.ts";

/** Every fault, in words. @throws the signal's reason when it aborts: an unfinished check must not look like a sound ledger */
export async function* checkChannel(
  peers: Peers,
  reads: Reads,
  address: FabricAddress,
  signal: AbortSignal,
): AsyncGenerator<string> {
  signal.throwIfAborted();
  const height = await reads.height();
  const heads = new Map((await reads.heads()).map((head) => [`${head.owner}/${head.batch.stream}`, head]));
  const replay = new Replay(heads, height);
  const end = await reads.height();
  const audit = new ChannelAudit(address);
  try {
    for await (const followed of followRawBlocks(peers, address.chaincode, 0, signal)) {
      const { block } = followed;
      for (const fault of audit.block(followed).faults) yield `block ${block.number} ${fault}`;
      yield* replay.faults(block);
      if (block.number === end - 1) break;
    }
  } catch (error) {
    if (!hasCode(error, "INTEGRITY")) throw error;
    yield error.message;
    return;
  }
  signal.throwIfAborted();
  yield* replay.endFaults();
}

/** Streams as the blocks make them, beside the heads that the world state had at a height. */
class Replay {
  readonly #last: Map<string, Batch> = new Map();
  readonly #heads: ReadonlyMap<string, OwnedEntry>;
  readonly #height: number;
  readonly #seen: Set<string> = new Set();

  constructor(heads: ReadonlyMap<string, OwnedEntry>, height: number) {
    this.#heads = heads;
    this.#height = height;
  }

  *faults({ number, transactions }: LedgerBlock): Generator<string> {
    for (const { anchored, id } of transactions) {
      if (anchored === undefined) continue;
      const { owner, batch } = anchored;
      const name = `${owner}/${batch.stream}`;
      const at = `block ${number}: batch ${batchId({ owner, stream: batch.stream, sequence: batch.sequence })}`;
      if (!isNext(this.#last.get(name), batch)) yield `${at} does not follow the one before`;
      this.#last.set(name, batch);
      const head = this.#heads.get(name);
      if (head?.batch.sequence === batch.sequence) {
        this.#seen.add(name);
        const same = batchHash(head.batch) === batchHash(batch) && head.transaction === id;
        if (!same) yield `${at} is not the head that the world state holds`;
      }
      if (number < this.#height && (head === undefined || head.batch.sequence < batch.sequence)) {
        yield `${at} is not in the world state`;
      }
    }
  }

  *endFaults(): Generator<string> {
    for (const name of this.#heads.keys()) {
      if (!this.#seen.has(name)) yield `no block anchored the head of ${name} that the world state holds`;
    }
  }
}

function isNext(before: Batch | undefined, { sequence, first, previous }: Batch): boolean {
  if (before === undefined) return sequence === 0 && previous === NO_BATCH;
  return sequence === before.sequence + 1 && first === before.end && previous === batchHash(before);
}
