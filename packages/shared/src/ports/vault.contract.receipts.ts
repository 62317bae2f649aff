/** Contract of Vault: receipts of what was taken. */
import { strict as assert } from "node:assert";
import { it } from "node:test";
import { B, receiptAt, receiptsFrom, testKeys, type VaultHarness, withTwo, withVault } from "./vault.contract.kit.ts";
import type { Receipt, Vault } from "./vault.ts";

export function receiptsContract(harness: VaultHarness): void {
  it("gives the receipts of what was taken, and nothing for what was not", () =>
    withVault(harness, async (vault) => {
      const taken = [...receiptsFrom(0, 0, 20), ...receiptsFrom(3, 5, 25)];
      const strangers = receiptsFrom(9, 0, 5).map(({ id }) => id);
      await vault.remember(taken, new Map([[0, 20]]));
      const found = await vault.receipts([...strangers, ...taken.map(({ id }) => id).reverse(), ...strangers]);
      assert.equal(found.size, taken.length);
      for (const receipt of taken) assert.deepEqual(found.get(receipt.id), receipt);
      assert.deepEqual(await vault.receipts([]), new Map());
      assert.deepEqual(await vault.receipts(strangers), new Map());
    }));

  it("keeps the first receipt of an id, in one call, across calls, and when it is opened again", async () => {
    await using storage = await harness.create();
    const first = receiptAt(0, 7);
    const others: Receipt[] = [
      { ...first, offset: 8 },
      { ...first, digest: "another", institution: B, partition: 1, offset: 1 },
    ];
    const only = async (vault: Vault): Promise<void> => {
      assert.deepEqual((await vault.receipts([first.id])).get(first.id), first);
    };
    {
      await using vault = await storage.open(testKeys());
      await vault.remember([first, ...others], new Map());
      await only(vault);
      for (const other of others) await vault.remember([other], new Map([[0, 8]]));
      await only(vault);
    }
    for (let times = 0; times < 2; times++) {
      await using vault = await storage.open(testKeys());
      await only(vault);
      await vault.remember(others, new Map());
      await only(vault);
    }
  });

  it("says per partition how far the log is covered, and never goes back", () =>
    withVault(harness, async (vault) => {
      assert.deepEqual(await vault.watermarks(), new Map());
      await vault.remember(receiptsFrom(2, 0, 10), new Map([[2, 10]]));
      await vault.remember(receiptsFrom(0, 0, 3), new Map([[0, 3]]));
      await vault.remember([], new Map([[2, 5]]));
      await vault.remember([], new Map());
      assert.deepEqual(
        new Map([...(await vault.watermarks())].sort()),
        new Map([
          [0, 3],
          [2, 10],
        ]),
      );
    }));

  it("counts what receipts cover without a gap, in whatever order they come", () =>
    withVault(harness, async (vault) => {
      const covered = async (): Promise<number> => (await vault.watermarks()).get(0) ?? 0;
      await vault.remember(receiptsFrom(0, 0, 10), new Map());
      assert.equal(await covered(), 10);
      await vault.remember(receiptsFrom(0, 12, 20), new Map());
      assert.equal(await covered(), 10);
      await vault.remember([receiptAt(0, 11)], new Map());
      assert.equal(await covered(), 10);
      await vault.remember([receiptAt(0, 10)], new Map());
      assert.equal(await covered(), 20);
      // Someone read the log up to 30; what comes beyond it, with a gap before, stays beyond.
      await vault.remember(receiptsFrom(0, 32, 40), new Map([[0, 30]]));
      assert.equal(await covered(), 30);
      await vault.remember(receiptsFrom(0, 30, 32), new Map());
      assert.equal(await covered(), 40);
    }));

  it("counts a place whose event has its receipt for another, and one that is noted again", () =>
    withVault(harness, async (vault) => {
      await vault.remember(receiptsFrom(0, 0, 5), new Map());
      await vault.remember([{ ...receiptAt(0, 2), offset: 5 }, ...receiptsFrom(0, 6, 8)], new Map());
      assert.deepEqual((await vault.receipts([receiptAt(0, 2).id])).get(receiptAt(0, 2).id), receiptAt(0, 2));
      assert.equal((await vault.watermarks()).get(0), 8);
      await vault.remember([receiptAt(0, 8), { ...receiptAt(0, 8), offset: 9 }], new Map());
      for (const again of [receiptsFrom(0, 0, 8), [{ ...receiptAt(0, 2), offset: 5 }]]) {
        await vault.remember(again, new Map());
      }
      assert.equal((await vault.watermarks()).get(0), 10);
      await vault.remember(receiptsFrom(0, 11, 12), new Map());
      assert.equal((await vault.watermarks()).get(0), 10);
    }));

  it("never says more than what all instances together have noted", () =>
    withTwo(harness, async (one, two) => {
      const END = 400;
      for (let offset = 0; offset < END; offset += 2) {
        await one.remember([receiptAt(0, offset)], new Map());
        // The second has appended what lies between, and noted all of it but one.
        if (offset + 1 !== 201) await two.remember([receiptAt(0, offset + 1)], new Map());
        if (offset % 50 === 0) {
          for (const vault of [one, two]) assert.ok(((await vault.watermarks()).get(0) ?? 0) <= 201);
        }
      }
      for (const vault of [one, two]) assert.ok(((await vault.watermarks()).get(0) ?? 0) <= 201);
    }));

  it("has all of it when it is opened again after a close, however much and however small the calls", async () => {
    await using storage = await harness.create();
    const partitions = [0, 1, 2];
    const END = 9_000;
    {
      await using vault = await storage.open(testKeys());
      await Promise.all(
        partitions.map(async (partition) => {
          for (let first = 0, size = 1; first < END; first += size, size = (size % 300) + 1) {
            const end = Math.min(END, first + size);
            await vault.remember(receiptsFrom(partition, first, end), new Map([[partition, end]]));
          }
        }),
      );
      await assertAll(vault, partitions, END);
    }
    await using again = await storage.open(testKeys());
    await assertAll(again, partitions, END);
  });

  it("takes a receipt's every field as it is: large numbers, odd names", () =>
    withVault(harness, async (vault) => {
      const odd = receiptsFrom(0, 0, 3).map((receipt, i) => ({
        ...receipt,
        partition: 4_095,
        offset: 2 ** 41 + i,
        institution: "L.a-b_C9",
      }));
      await vault.remember(odd, new Map([[4_095, 2 ** 41 + 3]]));
      const found = await vault.receipts(odd.map(({ id }) => id));
      for (const receipt of odd) assert.deepEqual(found.get(receipt.id), receipt);
      assert.equal((await vault.watermarks()).get(4_095), 2 ** 41 + 3);
    }));
}

async function assertAll(vault: Vault, partitions: readonly number[], end: number): Promise<void> {
  const watermarks = await vault.watermarks();
  for (const partition of partitions) {
    assert.equal(watermarks.get(partition), end);
    const receipts = receiptsFrom(partition, 0, end);
    const found = await vault.receipts(receipts.map(({ id }) => id));
    for (const receipt of receipts) assert.deepEqual(found.get(receipt.id), receipt);
  }
}
