/** Contract of Vault: identifiers and the subjects they mean. */
import { strict as assert } from "node:assert";
import { it } from "node:test";
import {
  A,
  B,
  C,
  card,
  mrn,
  subjectOf,
  testKeys,
  tokenOf,
  type VaultHarness,
  withTwo,
  withVault,
} from "./vault.contract.kit.ts";
import type { Identifier, Vault } from "./vault.ts";

export function subjectsContract(harness: VaultHarness): void {
  it("gives persons tokens that differ, and a person the same one for ever", () =>
    withVault(harness, async (vault) => {
      const requests = Array.from({ length: 300 }, (_, i) => ({ institution: A, identifiers: [mrn(`${i}`)] }));
      const subjects = await vault.identify(requests);
      assert.equal(new Set(subjects.map(({ token }) => token)).size, requests.length);
      assert.deepEqual(await vault.identify(requests), subjects);
      assert.deepEqual(await vault.identify([...requests].reverse()), [...subjects].reverse());
      for (const { also } of subjects) assert.deepEqual(also, []);
    }));

  it("makes tokens at random: another vault under the same keys gives the same person others", async () => {
    await using storages = new AsyncDisposableStack();
    const tokens = await Promise.all(
      [1, 2].map(async () => {
        const storage = storages.use(await harness.create());
        const vault = storages.use(await storage.open(testKeys()));
        return Promise.all(["1", "2"].map((value) => tokenOf(vault, A, card(value))));
      }),
    );
    assert.equal(new Set(tokens.flat()).size, 4);
  });

  it("meets one token for one identifier: twice in a request, in one call, and in calls at once", () =>
    withVault(harness, async (vault) => {
      const request = { institution: A, identifiers: [mrn("1"), mrn("1")] };
      const same = await vault.identify([request, request, { institution: A, identifiers: [mrn("1")] }]);
      assert.equal(new Set(same.map(({ token }) => token)).size, 1);
      for (const { also } of same) assert.deepEqual(also, []);
      const others = { institution: A, identifiers: [mrn("2")] };
      const calls = await Promise.all(Array.from({ length: 30 }, () => vault.identify([request, others])));
      for (const call of calls) assert.deepEqual(call, calls[0]);
      assert.equal(calls[0]?.[0]?.token, same[0]?.token);
      assert.notEqual(calls[0]?.[0]?.token, calls[0]?.[1]?.token);
    }));

  it("meets one token in two instances that see a person first at the same time", () =>
    withTwo(harness, async (one, two) => {
      for (let round = 0; round < 20; round++) {
        const requests = Array.from({ length: 8 }, (_, i) => ({
          institution: i % 2 === 0 ? A : B,
          identifiers: [card(`${round}-${i % 4}`), mrn(`${round}-${i}`)],
        }));
        const answers = await Promise.all([one, two, one, two].map((vault) => vault.identify(requests)));
        for (const answer of answers) assert.deepEqual(answer, answers[0]);
        assert.equal(new Set(answers[0]?.map(({ token }) => token)).size, 4);
      }
    }));

  it("means the same person by a shared identifier everywhere, and by a local one only at its institution", () =>
    withVault(harness, async (vault) => {
      const shared = await tokenOf(vault, A, card("1"));
      assert.equal(await tokenOf(vault, B, card("1")), shared);
      assert.equal(await vault.lookup(C, card("1")), shared);
      assert.equal(await tokenOf(vault, C, card("1")), shared);
      const local = await tokenOf(vault, A, mrn("1"));
      assert.equal(await vault.lookup(B, mrn("1")), undefined);
      const elsewhere = await tokenOf(vault, B, mrn("1"));
      assert.equal(new Set([shared, local, elsewhere]).size, 3);
      assert.equal(await vault.lookup(A, mrn("1")), local);
      assert.equal(await vault.lookup(B, mrn("1")), elsewhere);
    }));

  it("tells values, systems and scopes apart, wherever one ends and the next begins", () =>
    withVault(harness, async (vault) => {
      const texts: readonly (readonly [string, string])[] = [
        ["urn:a", "b c"],
        ["urn:a b", "c"],
        ["urn:a", "b"],
        ["urn:a", "bc"],
        ["urn:ab", "c"],
        ["urn:a", 'b","c'],
        ["", "urn:a b"],
        ["$where", "__proto__"],
        ["urn:a", "Ñandú 患者 \u{1F3E5}"],
        ["urn:a", "0"],
        ["urn:a", "00"],
        ["urn:a", "X"],
        ["urn:a", "x"],
        ["urn:a", "\u0000"],
        ["urn:a", "x".repeat(10_000)],
        ["urn:a", "x".repeat(10_001)],
      ];
      const identifiers = texts.flatMap(([system, value]) =>
        (["local", "shared"] as const).map((scope): Identifier => ({ system, value, scope })),
      );
      const tokens = [];
      for (const identifier of identifiers) tokens.push(await tokenOf(vault, A, identifier));
      assert.equal(new Set(tokens).size, identifiers.length);
      for (const [i, identifier] of identifiers.entries()) assert.equal(await vault.lookup(A, identifier), tokens[i]);
    }));

  it("adds an unknown identifier to the person that the known one means", () =>
    withVault(harness, async (vault) => {
      const token = await tokenOf(vault, A, mrn("1"));
      assert.deepEqual(await subjectOf(vault, A, card("new"), mrn("1")), { token, also: [] });
      assert.equal(await vault.lookup(A, card("new")), token);
      assert.equal(await tokenOf(vault, B, card("new"), mrn("of b")), token);
      assert.equal(await tokenOf(vault, B, mrn("of b")), token);
    }));

  it("follows additions from request to request of one call", () =>
    withVault(harness, async (vault) => {
      const chain = Array.from({ length: 10 }, (_, i) => ({
        institution: A,
        identifiers: [mrn(`${i}`), mrn(`${i + 1}`)],
      }));
      const subjects = await vault.identify(chain);
      assert.equal(new Set(subjects.map(({ token }) => token)).size, 1);
      for (const { also } of subjects) assert.deepEqual(also, []);
    }));

  it("says which persons a message shows to be one, each time, and rewrites nothing", () =>
    withTwo(harness, async (vault, other) => {
      const [one, two, three] = await Promise.all(["1", "2", "3"].map((value) => tokenOf(vault, A, mrn(value))));
      const joined = await subjectOf(vault, A, mrn("1"), mrn("2"), mrn("3"), card("new"));
      assert.deepEqual([joined.token, ...joined.also].sort(), [one, two, three].sort());
      for (const again of [vault, other]) {
        assert.deepEqual(await subjectOf(again, A, mrn("1"), mrn("2"), mrn("3"), card("new")), joined);
        assert.deepEqual(await Promise.all(["1", "2", "3"].map((value) => again.lookup(A, mrn(value)))), [
          one,
          two,
          three,
        ]);
        assert.equal(await again.lookup(A, card("new")), joined.token);
      }
      const [a, b, both] = await vault.identify(
        [[mrn("a")], [mrn("b")], [mrn("a"), mrn("b")]].map((identifiers) => ({ institution: A, identifiers })),
      );
      assert.notEqual(a?.token, b?.token);
      assert.deepEqual([both?.token, ...(both?.also ?? [])].sort(), [a?.token, b?.token].sort());
    }));

  it("does not join persons of different institutions by their local numbers", () =>
    withVault(harness, async (vault) => {
      const atA = await tokenOf(vault, A, mrn("1"), card("of a"));
      const atB = await subjectOf(vault, B, mrn("1"), card("of b"));
      assert.notEqual(atB.token, atA);
      assert.deepEqual(atB.also, []);
      const joined = await subjectOf(vault, B, card("of a"), card("of b"));
      assert.deepEqual([joined.token, ...joined.also].sort(), [atA, atB.token].sort());
    }));

  it("knows nothing of identifiers that it never met, and makes nothing by being asked", () =>
    withVault(harness, async (vault) => {
      for (let asked = 0; asked < 2; asked++) {
        assert.equal(await vault.lookup(A, mrn("1")), undefined);
        assert.equal(await vault.lookup(A, card("1")), undefined);
      }
    }));

  it("refuses a person without an identifier, alone, and takes a call of nobody", () =>
    withVault(harness, async (vault) => {
      const [good, odd] = await Promise.allSettled([
        vault.identify([{ institution: A, identifiers: [mrn("1")] }]),
        vault.identify([
          { institution: A, identifiers: [mrn("2")] },
          { institution: A, identifiers: [] },
        ]),
      ]);
      assert.equal(good?.status, "fulfilled");
      assert.equal(odd?.status, "rejected");
      assert.equal(await vault.lookup(A, mrn("2")), undefined);
      assert.deepEqual(await vault.identify([]), []);
    }));

  it("knows nobody again under other keys", async () => {
    await using storage = await harness.create();
    const under = async (
      seed: string,
      use: (vault: Vault) => Promise<string | undefined>,
    ): Promise<string | undefined> => {
      await using vault = await storage.open(testKeys(seed));
      return use(vault);
    };
    const token = await under("these", (vault) => tokenOf(vault, A, card("1")));
    assert.equal(await under("others", (vault) => vault.lookup(A, card("1"))), undefined);
    assert.equal(await under("these", (vault) => vault.lookup(A, card("1"))), token);
  });
}
