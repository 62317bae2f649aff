/** Following the ledger: blocks in order, each shown to be under the signed checkpoint before it is given. */
import { type Block, blockHash, NO_BLOCK } from "@medtrace/shared/model/block";
import { hex } from "@medtrace/shared/model/bytes";
import type { LedgerBlock } from "@medtrace/shared/ports/ledger";
import { notFollowing, type Store } from "./store.ts";

const PAGE_BLOCKS = 32;

/**
 * Blocks from `number` on, until the signal aborts.
 *
 * @param more resolves when there may be more blocks than before, or the signal aborts.
 * @throws MedtraceError INTEGRITY
 */
export async function* followBlocks(
  store: Store,
  number: number,
  signal: AbortSignal,
  more: () => Promise<void>,
): AsyncGenerator<LedgerBlock> {
  let next = number;
  let previous: string | undefined;
  while (!signal.aborted) {
    if (next >= store.height()) {
      await more();
      continue;
    }
    previous ??= next === 0 ? NO_BLOCK : hex(blockHash(store.block(next - 1).text));
    for (const block of readPage(store, next, previous)) {
      if (signal.aborted) return;
      yield block;
      next = block.number + 1;
      previous = block.hash;
    }
  }
}

/** Some blocks. The last is under its own signed checkpoint, and each names the one before: none was changed. */
function readPage(store: Store, number: number, before: string): LedgerBlock[] {
  const stored = store.blocks(number, PAGE_BLOCKS);
  const last = stored.at(-1);
  if (last !== undefined) store.prove(last, store.checkpointOf(last));
  const blocks: LedgerBlock[] = [];
  for (const { text } of stored) {
    const block = readBlock(text, number + blocks.length, blocks.at(-1)?.hash ?? before);
    const transactions = block.transactions.map(({ id, owner, batch }) => ({ id, anchored: { owner, batch } }));
    blocks.push({ number: block.number, previous: block.previous, hash: hex(blockHash(text)), transactions });
  }
  return blocks;
}

function readBlock(text: string, number: number, previous: string): Block {
  try {
    const block = JSON.parse(text) as Block;
    if (block.number === number && block.previous === previous) return block;
  } catch {
    // What is not JSON was changed, as the error says.
  }
  throw notFollowing(number);
}
