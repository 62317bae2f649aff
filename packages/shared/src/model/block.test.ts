import assert from "node:assert/strict";
import test from "node:test";
import { type Batch, NO_BATCH } from "./batch.ts";
import { type Block, blockHash, blockText, NO_BLOCK, transactionId } from "./block.ts";
import { hex } from "./bytes.ts";

const batch: Batch = {
  format: 1,
  stream: "log-0",
  sequence: 0,
  first: 0,
  end: 10,
  count: 10,
  root: "ab".repeat(32),
  previous: NO_BATCH,
};
const transaction = { id: transactionId("A", batch), owner: "A", batch };
const block: Block = { format: 1, number: 0, previous: NO_BLOCK, transactions: [transaction] };

test("a transaction's id tells owner and batch, and nothing of when or where", () => {
  const ids = [
    transactionId("A", batch),
    transactionId("B", batch),
    transactionId("A", { ...batch, count: 9 }),
    transactionId("A", { ...batch, root: "ac".repeat(32) }),
  ];
  assert.equal(new Set(ids).size, 4);
  assert.equal(transactionId("A", Object.fromEntries(Object.entries(batch).toReversed()) as unknown as Batch), ids[0]);
  for (const id of ids) assert.match(id, /^[0-9a-f]{64}$/);
});

test("a block's hash tells its number, its predecessor and the order of its transactions", () => {
  const other = { ...transaction, id: transactionId("B", batch), owner: "B" };
  const blocks: Block[] = [
    block,
    { ...block, number: 1 },
    { ...block, previous: "1".repeat(64) },
    { ...block, transactions: [] },
    { ...block, transactions: [transaction, other] },
    { ...block, transactions: [other, transaction] },
  ];
  assert.equal(new Set(blocks.map((one) => hex(blockHash(blockText(one))))).size, blocks.length);
});
