/** Contract of Vault: data keys, and erasing a subject. */
import { strict as assert } from "node:assert";
import { it } from "node:test";
import { hasCode } from "../errors.ts";
import {
  A,
  B,
  card,
  keyOf,
  mrn,
  secret,
  testKeys,
  tokenOf,
  type VaultHarness,
  withTwo,
  withVault,
} from "./vault.contract.kit.ts";

export function keysContract(harness: VaultHarness): void {
  it("makes one key for each institution and token, and gives it again", () =>
    withVault(harness, async (vault) => {
      const [one, two] = [await tokenOf(vault, A, mrn("1")), await tokenOf(vault, A, mrn("2"))];
      const requests = [A, B].flatMap((institution) => [one, two, "none"].map((token) => ({ institution, token })));
      for (const request of requests) assert.equal(await vault.dataKey(request), undefined);
      const made = (await vault.dataKeys([...requests, ...requests])).map(secret);
      assert.equal(new Set(made).size, requests.length);
      assert.deepEqual(made.slice(requests.length), made.slice(0, requests.length));
      assert.deepEqual(
        (await vault.dataKeys([...requests].reverse())).map(secret),
        made.slice(0, requests.length).reverse(),
      );
      for (const [i, request] of requests.entries()) assert.equal(secret(await vault.dataKey(request)), made[i]);
      assert.deepEqual(await vault.dataKeys([]), []);
    }));

  it("makes one key where many ask at once, in two instances", () =>
    withTwo(harness, async (one, two) => {
      for (let round = 0; round < 20; round++) {
        const requests = [0, 1, 2].map((i) => ({ institution: A, token: `token-${round}-${i}` }));
        const answers = await Promise.all([one, two, one, two].map((vault) => vault.dataKeys(requests)));
        for (const answer of answers) assert.deepEqual(answer.map(secret), answers[0]?.map(secret));
        for (const vault of [one, two]) {
          for (const [i, request] of requests.entries()) {
            assert.equal(secret(await vault.dataKey(request)), secret(answers[0]?.[i]));
          }
        }
      }
    }));

  it("keeps keys and persons when it is opened again", async () => {
    await using storage = await harness.create();
    const read = async (): Promise<unknown> => {
      await using vault = await storage.open(testKeys());
      const token = await tokenOf(vault, A, mrn("1"), card("1"));
      return [token, await vault.lookup(B, card("1")), await keyOf(vault, A, token), await keyOf(vault, B, token)];
    };
    const first = await read();
    assert.deepEqual(await read(), first);
    assert.deepEqual(await read(), first);
  });

  it("opens a key only with the institution's own", async () => {
    await using storage = await harness.create();
    {
      await using vault = await storage.open(testKeys("these"));
      await keyOf(vault, A, "none");
    }
    await using vault = await storage.open(testKeys("others"));
    const request = { institution: A, token: "none" };
    await assert.rejects(vault.dataKey(request), (error) => hasCode(error, "INTEGRITY"));
    await assert.rejects(vault.dataKeys([request]), (error) => hasCode(error, "INTEGRITY"));
  });

  it("erases a subject: identifiers and key are gone, and a later message makes another person", () =>
    withVault(harness, async (vault) => {
      const token = await tokenOf(vault, A, mrn("1"), mrn("also 1"), card("1"));
      const other = await tokenOf(vault, A, mrn("2"));
      const [key, othersKey] = [await keyOf(vault, A, token), await keyOf(vault, A, other)];
      assert.equal(await vault.erase(A, token), 4);
      for (const identifier of [mrn("1"), mrn("also 1"), card("1")]) {
        assert.equal(await vault.lookup(A, identifier), undefined);
      }
      assert.equal(await vault.dataKey({ institution: A, token }), undefined);
      const [again, card1] = [await tokenOf(vault, A, mrn("1")), await tokenOf(vault, A, card("1"))];
      assert.equal(new Set([token, again, card1]).size, 3);
      assert.notEqual(await keyOf(vault, A, again), key);
      assert.notEqual(await keyOf(vault, A, token), key);
      assert.equal(await vault.lookup(A, mrn("2")), other);
      assert.equal(secret(await vault.dataKey({ institution: A, token: other })), othersKey);
    }));

  it("erases what is there and counts it; where there is nothing, nothing", () =>
    withVault(harness, async (vault) => {
      const token = await tokenOf(vault, A, mrn("1"));
      assert.equal(await vault.erase(B, token), 0);
      assert.equal(await vault.erase(A, "no such token"), 0);
      assert.equal(await vault.lookup(A, mrn("1")), token);
      assert.equal(await vault.erase(A, token), 1);
      assert.equal(await vault.erase(A, token), 0);
      const again = await tokenOf(vault, A, mrn("1"));
      assert.notEqual(again, token, "the very same message as before");
      assert.equal(await vault.erase(A, again), 1);
      await keyOf(vault, A, token);
      assert.equal(await vault.erase(A, token), 1);
    }));

  it("leaves another institution its identifiers and its key", () =>
    withVault(harness, async (vault) => {
      const token = await tokenOf(vault, A, mrn("at a"), card("1"));
      assert.equal(await tokenOf(vault, B, mrn("at b"), card("1")), token);
      const [keyOfA, keyOfB] = [await keyOf(vault, A, token), await keyOf(vault, B, token)];
      assert.equal(await vault.erase(A, token), 3);
      assert.equal(await vault.lookup(A, mrn("at a")), undefined);
      assert.notEqual(await tokenOf(vault, A, mrn("at a")), token);
      assert.equal(await vault.dataKey({ institution: A, token }), undefined);
      assert.equal(await vault.lookup(B, mrn("at b")), token);
      assert.equal(await vault.lookup(B, card("1")), token);
      assert.equal(await tokenOf(vault, B, card("1")), token);
      assert.equal(secret(await vault.dataKey({ institution: B, token })), keyOfB);
      assert.notEqual(await keyOf(vault, A, token), keyOfA);
    }));

  it("erases in every instance, whatever they remember, and for ever", async () => {
    await using storage = await harness.create();
    let token: string;
    let key: string;
    {
      await using one = await storage.open(testKeys());
      await using two = await storage.open(testKeys());
      token = await tokenOf(one, A, mrn("1"));
      key = await keyOf(one, A, token);
      // The second has seen all of it, several times.
      for (let times = 0; times < 3; times++) {
        assert.equal(await tokenOf(two, A, mrn("1")), token);
        assert.equal(await keyOf(two, A, token), key);
        assert.equal(secret(await two.dataKey({ institution: A, token })), key);
      }
      await one.erase(A, token);
      assert.equal(await two.dataKey({ institution: A, token }), undefined);
      assert.equal(await two.lookup(A, mrn("1")), undefined);
      const again = await tokenOf(two, A, mrn("1"));
      assert.notEqual(again, token);
      assert.equal(await tokenOf(one, A, mrn("1")), again);
      assert.notEqual(await keyOf(two, A, token), key);
      await two.erase(A, again);
      await two.erase(A, token);
    }
    await using vault = await storage.open(testKeys());
    assert.equal(await vault.lookup(A, mrn("1")), undefined);
    assert.equal(await vault.dataKey({ institution: A, token }), undefined);
  });
}
