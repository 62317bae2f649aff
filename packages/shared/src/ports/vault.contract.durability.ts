/** Contract of Vault: several processes at once, and the death of one in the middle. */
import { strict as assert } from "node:assert";
import { it } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { linesOfChild } from "./contract.child-process.ts";
import type { ChildOptions, IdentifiedLine, RememberedLine } from "./vault.contract.child.ts";
import {
  A,
  B,
  card,
  mrn,
  receiptsFrom,
  secret,
  testKeys,
  tokenOf,
  type VaultHarness,
  type VaultStorage,
} from "./vault.contract.kit.ts";
import type { Vault } from "./vault.ts";

const KILLS = 4;
const ENDLESS = 10_000_000;

export function durabilityContract(harness: VaultHarness): void {
  it("means one person by one token in processes that meet them at the same time", async () => {
    await using storage = await harness.create();
    const options: ChildOptions = { work: "identify", first: 0, end: 60 };
    const [one, two] = await Promise.all([1, 2].map(() => identifiedBy(harness, storage, options)));
    assert.equal(one?.length, 60);
    assert.deepEqual(two, one);
    assert.equal(new Set(one?.map(({ token }) => token)).size, 60);
    await using vault = await storage.open(testKeys());
    await assertIdentified(vault, one ?? []);
  });

  it("keeps every person and key that it acknowledged through kill -9, again and again", async () => {
    await using storage = await harness.create();
    await using reader = await storage.open(testKeys());
    const acknowledged: IdentifiedLine[] = [];
    for (let kill = 0; kill < KILLS; kill++) {
      const options: ChildOptions = { work: "identify", first: acknowledged.length, end: ENDLESS };
      acknowledged.push(...(await identifiedBy(harness, storage, options, 1 + 25 * kill)));
      await assertIdentified(reader, acknowledged);
    }
    assert.equal(new Set(acknowledged.map(({ token }) => token)).size, acknowledged.length);
  });

  it("says of receipts after kill -9 no more than what is there, and has all of them once they are given again", async () => {
    await using storage = await harness.create();
    let first = 0;
    for (let kill = 0; kill < KILLS; kill++) {
      const options: ChildOptions = { work: "remember", first, end: ENDLESS };
      const said = await rememberedBy(harness, storage, options, 1 + 30 * kill);
      await using vault = await storage.open(testKeys());
      const covered = await vault.watermarks();
      for (const [partition, end] of covered) await assertReceipts(vault, partition, first, end);
      // As at a start: what the log holds beyond the watermark is remembered from there.
      for (const [partition, end] of said) {
        const from = covered.get(partition) ?? 0;
        await vault.remember(receiptsFrom(partition, Math.min(from, end), end), new Map([[partition, end]]));
      }
      for (const [partition, end] of said) await assertReceipts(vault, partition, first, end);
      first = Math.min(...[0, 1, 2].map((partition) => said.get(partition) ?? first));
    }
    await using vault = await storage.open(testKeys());
    const covered = await vault.watermarks();
    for (const partition of [0, 1, 2]) {
      assert.ok((covered.get(partition) ?? 0) > 0, `partition ${partition} is covered after a close`);
      await assertReceipts(vault, partition, 0, covered.get(partition) ?? 0);
    }
  });
}

async function identifiedBy(
  harness: VaultHarness,
  storage: VaultStorage,
  options: ChildOptions,
  killAfter?: number,
): Promise<IdentifiedLine[]> {
  const lines = await childLines(harness, storage, options, killAfter);
  return lines.map((line) => JSON.parse(line) as IdentifiedLine);
}

/** Per partition, where the last call ended that was acknowledged. */
async function rememberedBy(
  harness: VaultHarness,
  storage: VaultStorage,
  options: ChildOptions,
  killAfter: number,
): Promise<Map<number, number>> {
  const lines = await childLines(harness, storage, options, killAfter);
  const said = lines.map((line) => JSON.parse(line) as RememberedLine);
  return new Map(said.map(({ partition, end }) => [partition, end]));
}

function childLines(
  harness: VaultHarness,
  storage: VaultStorage,
  options: ChildOptions,
  killAfter: number | undefined,
): Promise<string[]> {
  const script = new URL("./vault.contract.child.ts", import.meta.url);
  return linesOfChild(script, [harness.module.href, storage.url, JSON.stringify(options)], killAfter);
}

async function assertIdentified(vault: Vault, lines: readonly IdentifiedLine[]): Promise<void> {
  for (const { person, token, key } of lines) {
    const institution = person % 2 === 0 ? A : B;
    assert.equal(await vault.lookup(institution, mrn(`${person}`)), token, `person ${person}`);
    assert.equal(await tokenOf(vault, institution, card(`${person}`)), token);
    assert.equal(secret(await vault.dataKey({ institution, token })), key);
  }
}

/** Every receipt of a partition in this range. */
async function assertReceipts(vault: Vault, partition: number, first: number, end: number): Promise<void> {
  const receipts = receiptsFrom(partition, first, end);
  const found = await vault.receipts(receipts.map(({ id }) => id));
  const wrong = receipts.filter((receipt) => !isDeepStrictEqual(found.get(receipt.id), receipt));
  assert.deepEqual(
    wrong.map(({ offset }) => offset),
    [],
    `receipts of partition ${partition} are lost`,
  );
}
