import assert from "node:assert/strict";
import { test } from "node:test";
import { common } from "@hyperledger/fabric-protos";
import { fromHex, sha256 } from "@medtrace/shared/model/bytes";
import { headerHash, readBlock } from "./block.ts";

test("a header's hash is the one that a peer's next block names as previous", () => {
  // Headers of a channel of Fabric 3.1.
  const zero = headerHash(
    0,
    new Uint8Array(),
    fromHex("212f8652d56b6fe53ae4e929d91914b066c7463d495902775b2090d99da38aed"),
  );
  assert.equal(zero, "769393cee2b152da6408b1cbc8ba8696c9da3bb7a9a829d462eb3492638b91f8");
  for (const [number, previous, data, hash] of [
    [
      127,
      "81bfaff51beec860fd137aab05483093a31c806e47a23edbf95aab8c1b85bd3f",
      "decfbf28fdb262f665c41ff84736b6df92cc55e4bffec291a32d5e9ea0deca6c",
      "25bb5c31c24fcd83f8e9d51d1b94865f581c15d23c5050b51ce44cbe6d33d458",
    ],
    [
      128,
      "25bb5c31c24fcd83f8e9d51d1b94865f581c15d23c5050b51ce44cbe6d33d458",
      "013e7c91c2b194d0e301aeb515d2d86681490b656210183fbc7006f41bc1c6c8",
      "73280843daedd2e0b0081523e52d9a0c2f3031bbfabba2c508426d5ba823ca97",
    ],
  ] as const) {
    assert.equal(headerHash(number, fromHex(previous), fromHex(data)), hash);
  }
});

test("a block whose data was changed, or that has no header, is an integrity error", () => {
  const data = new common.BlockData();
  data.addData(Buffer.from("envelope"));
  const header = new common.BlockHeader();
  header.setNumber(3);
  header.setDataHash(sha256(Buffer.from("another")));
  const block = new common.Block();
  block.setData(data);
  assert.throws(() => readBlock(block, "medtrace"), { code: "INTEGRITY" });
  block.setHeader(header);
  assert.throws(() => readBlock(block, "medtrace"), { code: "INTEGRITY", message: /block 3/ });
});
