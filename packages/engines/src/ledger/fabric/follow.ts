/** Following a channel: full blocks by the peers' deliver service, in order, each naming the one before. */
import { setTimeout as sleep } from "node:timers/promises";
import type { CloseableAsyncIterable } from "@hyperledger/fabric-gateway";
import type { common } from "@hyperledger/fabric-protos";
import { MedtraceError } from "@medtrace/shared/errors";
import type { LedgerBlock } from "@medtrace/shared/ports/ledger";
import { readBlock } from "./block.ts";
import type { Peer, Peers } from "./peers.ts";

const RETRY_MS = 50;
const RETRY_MS_MAX = 5_000;

export interface FollowedBlock {
  readonly block: LedgerBlock;
  /** As the peer gave it. */
  readonly raw: common.Block;
}

/** As {@link followRawBlocks}, without what the peer gave. */
export async function* followBlocks(...followed: Parameters<typeof followRawBlocks>): AsyncGenerator<LedgerBlock> {
  for await (const { block } of followRawBlocks(...followed)) yield block;
}

/**
 * Blocks from `number` on, until the signal aborts. Where a peer goes away, the next one goes on.
 *
 * @throws MedtraceError INTEGRITY where a block is not what its header says, or not the one after the last.
 */
export async function* followRawBlocks(
  peers: Peers,
  chaincode: string,
  number: number,
  signal: AbortSignal,
): AsyncGenerator<FollowedBlock> {
  // One block earlier, so that even the first one given is seen to follow another.
  let next = Math.max(0, number - 1);
  let before: LedgerBlock | undefined;
  let wait_ms = RETRY_MS;
  while (!signal.aborted) {
    const peer = peers.inOrder()[0] as Peer;
    for await (const raw of deliver(peer, next, signal, () => peer.failed())) {
      const block = readBlock(raw, chaincode);
      refuseUnlessAfter(block, before, next);
      peers.saw(block.number);
      before = block;
      next = block.number + 1;
      wait_ms = RETRY_MS;
      if (block.number >= number) yield { block, raw };
      if (signal.aborted) return;
    }
    await sleep(wait_ms, undefined, { signal }).catch(() => undefined);
    wait_ms = Math.min(2 * wait_ms, RETRY_MS_MAX);
  }
}

/** What one peer gives until it ends or fails, which is not told apart: there is always more to come. */
async function* deliver(
  peer: Peer,
  number: number,
  signal: AbortSignal,
  failed: () => void,
): AsyncGenerator<common.Block> {
  let events: CloseableAsyncIterable<common.Block> | undefined;
  const close = (): void => events?.close();
  signal.addEventListener("abort", close);
  try {
    events = await peer.network.getBlockEvents({ startBlock: BigInt(number) }).catch(() => undefined);
    const iterator = events?.[Symbol.asyncIterator]();
    while (iterator !== undefined && !signal.aborted) {
      const result = await iterator.next().catch(() => undefined);
      if (result === undefined || result.done === true) break;
      yield result.value;
    }
    if (!signal.aborted) failed();
  } finally {
    signal.removeEventListener("abort", close);
    close();
  }
}

function refuseUnlessAfter(block: LedgerBlock, before: LedgerBlock | undefined, expected: number): void {
  const follows = before === undefined || block.previous === before.hash;
  if (block.number === expected && follows) return;
  const what = follows
    ? `block ${block.number} came for block ${expected}`
    : `block ${expected} names another before it`;
  throw new MedtraceError("INTEGRITY", what, {
    hint: "compare the blocks with those of another organisation's peer",
  });
}
