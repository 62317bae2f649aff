import { strict as assert } from "node:assert";
import { copyFileSync, mkdirSync, readdirSync } from "node:fs";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { hasCode } from "@medtrace/shared/errors";
import { A, keyOf, mrn, receiptsFrom, testKeys, tokenOf } from "@medtrace/shared/ports/vault.contract.kit";
import { temporaryFolder } from "../../testing/folder.ts";
import { openVault } from "../open.ts";
import { openEmbeddedVault } from "./vault.ts";

const storageFailed = (error: unknown): boolean => hasCode(error, "STORAGE_FAILED");
/** Enough for the tables and some thousand rows. */
const PAGES = 40;

describe("embedded vault: its folder", () => {
  it("lets only its owner look into it", async () => {
    await using folder = await temporaryFolder();
    await using vault = await openVault(`embedded:${join(folder.path, "vault")}`, testKeys());
    await vault.ping();
    assert.equal((await stat(join(folder.path, "vault"))).mode & 0o777, 0o700);
  });

  it("is whole in a copy of its files that is made at any moment, as a power cut leaves them", async () => {
    await using folder = await temporaryFolder();
    await using vault = await openEmbeddedVault({ folder: folder.path, keys: testKeys() });
    for (let i = 0; i < 5; i++) {
      const token = await tokenOf(vault, A, mrn(`${i}`));
      const key = await keyOf(vault, A, token);
      await using copy = await folder.copy();
      await using copied = await openEmbeddedVault({ folder: copy.path, keys: testKeys() });
      assert.equal(await tokenOf(copied, A, mrn(`${i}`)), token);
      assert.equal(await keyOf(copied, A, token), key);
    }
  });

  it("is had by embedded:FOLDER", async () => {
    for (const url of ["", "embedded:", "embedded", "file:/tmp/x"]) {
      await assert.rejects(openVault(url, testKeys()), (error) => hasCode(error, "CONFIGURATION"));
    }
  });
});

describe("embedded vault: receipts that wait to be written", () => {
  it("covers at no moment more than the files hold, while they are written bit by bit", async () => {
    await using folder = await temporaryFolder();
    await using vault = await openEmbeddedVault({ folder: folder.path, keys: testKeys() });
    const END = 9_000;
    for (const partition of [0, 1]) {
      await vault.remember(receiptsFrom(partition, 0, END), new Map([[partition, END]]));
    }
    // More comes in the middle, which the first writing does not hold.
    await vault.remember(receiptsFrom(0, END, END + 10), new Map([[0, END + 10]]));
    const seen = new Set<number>();
    for (let copies = 0; copies < 200 && !seen.has(END); copies++) {
      await nextTurn();
      // Nothing is written while the files are copied: this is what a kill leaves.
      const copy = join(folder.path, `copy-${copies}`);
      const names = readdirSync(folder.path).filter((name) => !name.startsWith("copy-"));
      mkdirSync(copy);
      for (const name of names) copyFileSync(join(folder.path, name), join(copy, name));
      await using left = await openEmbeddedVault({ folder: copy, keys: testKeys() });
      for (const [partition, covered] of await left.watermarks()) {
        const kept = await left.receipts(receiptsFrom(partition, 0, covered).map(({ id }) => id));
        assert.equal(kept.size, covered, `partition ${partition} after ${copies} turns`);
        seen.add(covered);
      }
    }
    assert.ok(seen.has(END), "it is written in the end");
  });
});

describe("embedded vault: a full disk", () => {
  it("refuses persons and keys before it acknowledges them, remembers none of those, and works again with room", async () => {
    await using folder = await temporaryFolder();
    const taken = new Map<string, string>();
    const refused: string[] = [];
    {
      await using vault = await openEmbeddedVault({ folder: folder.path, keys: testKeys(), pages_max: PAGES });
      for (let i = 0; refused.length === 0; i++) {
        const values = Array.from({ length: 20 }, (_, j) => `${i}-${j}`);
        const results = await Promise.allSettled(values.map((value) => tokenOf(vault, A, mrn(value))));
        for (const [j, result] of results.entries()) {
          if (result.status === "fulfilled") taken.set(values[j] ?? "", result.value);
          else {
            assert.ok(storageFailed(result.reason), String(result.reason));
            refused.push(values[j] ?? "");
          }
        }
      }
      assert.ok(taken.size > 100);
      for (const value of refused) assert.equal(await vault.lookup(A, mrn(value)), undefined);
      for (const value of refused) {
        // Whoever is given a token now, for want of room or not, must find it again.
        const token = await tokenOf(vault, A, mrn(value)).catch(() => undefined);
        assert.equal(await vault.lookup(A, mrn(value)), token);
      }
      for (const [value, token] of taken) assert.equal(await tokenOf(vault, A, mrn(value)), token);
      await assert.rejects(
        vault.dataKeys(Array.from({ length: 2_000 }, (_, i) => ({ institution: A, token: `${i}` }))),
        storageFailed,
      );
      assert.equal(await vault.dataKey({ institution: A, token: "0" }), undefined);
    }
    await using roomy = await openEmbeddedVault({ folder: folder.path, keys: testKeys() });
    for (const [value, token] of taken) assert.equal(await tokenOf(roomy, A, mrn(value)), token);
    const [again = ""] = refused;
    assert.equal(await tokenOf(roomy, A, mrn(again)), await roomy.lookup(A, mrn(again)));
  });

  it("remembers receipts beyond what it can write, says so when it is too much, and never covers what it lost", async () => {
    await using folder = await temporaryFolder();
    const [STEP, END] = [500, 200_000];
    let remembered = 0;
    const vault = await openEmbeddedVault({ folder: folder.path, keys: testKeys(), pages_max: PAGES });
    const remembering = async (): Promise<void> => {
      for (; remembered < END; remembered += STEP) {
        const end = remembered + STEP;
        await vault.remember(receiptsFrom(0, remembered, end), new Map([[0, end]]));
      }
    };
    await assert.rejects(remembering(), storageFailed);
    const early = receiptsFrom(0, 0, 50_000);
    const found = await vault.receipts(early.map(({ id }) => id));
    assert.equal(found.size, early.length);
    await assert.rejects(async () => vault[Symbol.asyncDispose](), storageFailed);
    await using again = await openEmbeddedVault({ folder: folder.path, keys: testKeys() });
    const covered = (await again.watermarks()).get(0) ?? 0;
    const kept = await again.receipts(receiptsFrom(0, 0, covered).map(({ id }) => id));
    assert.equal(kept.size, covered);
    await again.remember(receiptsFrom(0, covered, remembered), new Map([[0, remembered]]));
    assert.equal((await again.watermarks()).get(0), remembered);
  });
});
