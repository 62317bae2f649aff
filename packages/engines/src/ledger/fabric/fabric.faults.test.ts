import assert from "node:assert/strict";
import { test } from "node:test";
import { hasCode } from "@medtrace/shared/errors";
import type { Batch } from "@medtrace/shared/model/batch";
import type { Ledger } from "@medtrace/shared/ports/ledger";
import { anchoredIn, batchAfter, blocksNow, blocksUntil, newStream } from "@medtrace/shared/ports/ledger.contract.kit";
import { realEngine } from "../../testing/real-engines.ts";
import { openLedger } from "../open.ts";
import { parseFabricUrl } from "./address.ts";
import { anchorPatiently } from "./testing/anchoring.ts";
import { kill, killAndRestart, watchedAnchoring } from "./testing/network.ts";
import { DeafProxy } from "./testing/proxy.ts";

const OWNER = "HospitalAMSP";
const REPLIES_LOST = 50;
const RACES = 200;
const TRIES_MAX = 20;
/** A transaction's signatures: the height that a peer is first asked for, the proposal, the transaction. */
const SIGNED_TO_SUBMIT = 2;

const url = realEngine("ledger");

async function assertOneChain(ledger: Ledger, from: number, batches: readonly Batch[]): Promise<void> {
  const stream = batches[0]?.stream ?? "";
  assert.deepEqual(anchoredIn(await blocksNow(ledger, from), OWNER, stream), batches);
  assert.deepEqual((await ledger.readHead(OWNER, stream))?.batch, batches.at(-1));
}

/** Anchors batches of one stream while something happens in the middle of it. */
async function anchorThrough(ledger: Ledger, length: number, happens: () => Promise<unknown>): Promise<void> {
  const from = await ledger.height();
  const stream = newStream();
  const batches: Batch[] = [];
  let happening: Promise<unknown> = Promise.resolve();
  for (let i = 0; i < length; i++) {
    if (i === 3) happening = happens();
    const batch = batchAfter(stream, batches.at(-1));
    await anchorPatiently(ledger, batch, TRIES_MAX);
    batches.push(batch);
  }
  await happening;
  await assertOneChain(ledger, from, batches);
}

if (url !== undefined) {
  const { peers } = parseFabricUrl(url);

  test(`a reply that is lost after the orderer took the batch: anchored once, ${REPLIES_LOST} times`, async () => {
    await using direct = await openLedger(url, { owner: OWNER });
    await using proxy = await DeafProxy.before(peers[0] as string);
    const from = await direct.height();
    const batches: Batch[] = [];
    const stream = newStream();
    for (let i = 0; i < REPLIES_LOST; i++) {
      const batch = batchAfter(stream, batches.at(-1));
      const lose = (count: number): void => {
        if (count === SIGNED_TO_SUBMIT) proxy.isDeaf = true;
      };
      using watched = await watchedAnchoring(url, OWNER, [proxy.address, ...peers.slice(1)], {}, lose);
      const height = await direct.height();
      const anchoring = watched.anchoring.anchor(batch);
      const isThere = (all: Parameters<typeof anchoredIn>[0]): boolean => anchoredIn(all, OWNER, stream).length > 0;
      await blocksUntil(direct, height, (block) => isThere([block]));
      assert.ok(proxy.isDeaf);
      proxy.cut();
      proxy.isDeaf = false;
      const anchor = await anchoring;
      assert.deepEqual(await direct.anchorBatch(batch), anchor);
      batches.push(batch);
    }
    await assertOneChain(direct, from, batches);
  });

  test("where no peer answers any more, the outcome is unknown, and the same batch again is anchored once", async () => {
    await using direct = await openLedger(url, { owner: OWNER });
    const from = await direct.height();
    const proxies = await Promise.all(peers.map((peer) => DeafProxy.before(peer)));
    const batch = batchAfter(newStream());
    const lose = (count: number): void => {
      if (count === SIGNED_TO_SUBMIT) for (const proxy of proxies) proxy.isDeaf = true;
    };
    const limits = { submit_ms_max: 500, commit_ms_max: 500 };
    const addresses = proxies.map(({ address }) => address);
    using watched = await watchedAnchoring(url, OWNER, addresses, limits, lose);
    await assert.rejects(watched.anchoring.anchor(batch), { code: "LEDGER_UNKNOWN" });
    await direct.anchorBatch(batch);
    await assertOneChain(direct, from, [batch]);
    for (const proxy of proxies) await proxy[Symbol.asyncDispose]();
  });

  test(`two writers on one stream, ${RACES} races: one batch valid in each, the other is told of it`, async () => {
    await using one = await openLedger(url, { owner: OWNER });
    await using two = await openLedger(url, { owner: OWNER });
    const from = await one.height();
    const streams = Array.from({ length: 20 }, newStream);
    let conflicts = 0;
    const race = async (stream: string): Promise<Batch[]> => {
      const won: Batch[] = [];
      while (won.length < RACES / streams.length) {
        const tries = [batchAfter(stream, won.at(-1)), batchAfter(stream, won.at(-1))] as const;
        const settled = await Promise.allSettled([one.anchorBatch(tries[0]), two.anchorBatch(tries[1])]);
        const winners = tries.filter((_, i) => settled[i]?.status === "fulfilled");
        assert.equal(winners.length, 1);
        won.push(winners[0] as Batch);
        for (const result of settled) {
          if (result.status === "fulfilled") continue;
          assert.ok(hasCode(result.reason, "LEDGER_CONFLICT", "LEDGER_REFUSED"), String(result.reason));
          if (hasCode(result.reason, "LEDGER_CONFLICT")) conflicts += 1;
        }
      }
      return won;
    };
    const chains = await Promise.all(streams.map(race));
    const blocks = await blocksNow(one, from);
    for (const [i, stream] of streams.entries()) assert.deepEqual(anchoredIn(blocks, OWNER, stream), chains[i]);
    console.log(`${conflicts} of ${RACES} races were told apart by the peers at commit`);
    assert.ok(conflicts > 0);
  });

  test("a chaincode process that is killed: other organisations endorse meanwhile", async () => {
    await using ledger = await openLedger(url, { owner: OWNER });
    await anchorThrough(ledger, 10, () => killAndRestart("chaincode-hospital-a"));
  });

  test("a gateway peer that is killed: the next takes over, and no follower misses a block", async () => {
    await using ledger = await openLedger(url, { owner: OWNER });
    const from = await ledger.height();
    const followed = blocksUntil(ledger, from, (_, all) => all.length >= 12);
    const restart = await kill("peer-hospital-a");
    try {
      await anchorThrough(ledger, 12, async () => undefined);
      assert.equal((await followed).length, 12);
    } finally {
      await restart();
    }
  });

  test("orderers that are killed one after another, the leader among them: nothing is lost or doubled", async () => {
    await using ledger = await openLedger(url, { owner: OWNER });
    for (const name of ["orderer1", "orderer2", "orderer3"]) {
      await anchorThrough(ledger, 8, () => killAndRestart(name));
    }
  });

  test("while one organisation's chaincode is away and another's is too, nothing is anchored; then everything", async () => {
    await using ledger = await openLedger(url, { owner: OWNER });
    const from = await ledger.height();
    const stream = newStream();
    const first = batchAfter(stream);
    await ledger.anchorBatch(first);
    const second = batchAfter(stream, first);
    const restarts = [await kill("chaincode-hospital-b"), await kill("chaincode-supervisor")];
    try {
      await assert.rejects(ledger.anchorBatch(second), { code: "LEDGER_UNAVAILABLE" });
    } finally {
      for (const restart of restarts) await restart();
    }
    await anchorPatiently(ledger, second, TRIES_MAX);
    await assertOneChain(ledger, from, [first, second]);
  });
}
