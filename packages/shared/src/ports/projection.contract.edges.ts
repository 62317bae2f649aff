/** Contract of Projection: derivations and joined subjects. */
import { strict as assert } from "node:assert";
import { it } from "node:test";
import { invalid, type ProjectionHarness, withProjection } from "./projection.contract.kit.ts";
import { blockOf, type SampleEvent, sampleBatch, sampleId } from "./projection.fixtures.ts";
import { type Derivation, PROJECTION_LIMITS, type Projection } from "./projection.ts";

const derived = (from: string, to: string, relation: Derivation["relation"] = "wasDerivedFrom"): Derivation => ({
  from,
  to,
  relation,
});

export function edgesContract(harness: ProjectionHarness): void {
  const apply = (projection: Projection, ...samples: SampleEvent[]): Promise<void> =>
    projection.apply(blockOf(0, sampleBatch("log-0", 0, samples)));
  const pairs = async (projection: Projection, records: string[], direction: "up" | "down"): Promise<string[]> =>
    (await projection.derivations(records, direction, 100)).map(
      ({ from, to, relation }) => `${from} ${relation} ${to}`,
    );

  it("gives derivations down from their source and up from what was made of it", () =>
    withProjection(harness, async (projection) => {
      await apply(
        projection,
        { name: "one", derivations: [derived("a", "b"), derived("a", "c", "wasQuotedFrom")] },
        { name: "two", derivations: [derived("b", "c", "wasRevisionOf")] },
      );
      assert.deepEqual((await pairs(projection, ["a"], "down")).sort(), ["a wasDerivedFrom b", "a wasQuotedFrom c"]);
      assert.deepEqual(await pairs(projection, ["c"], "up"), ["a wasQuotedFrom c", "b wasRevisionOf c"]);
      assert.deepEqual(await pairs(projection, ["a"], "up"), []);
      assert.deepEqual(await pairs(projection, ["c"], "down"), []);
      assert.deepEqual(await pairs(projection, ["unknown"], "down"), []);
      assert.deepEqual(await pairs(projection, [], "down"), []);
      assert.equal((await pairs(projection, ["b", "a", "b"], "down")).length, 3);
    }));

  it("says of each derivation which event showed it, whose it was and to whom it went", () =>
    withProjection(harness, async (projection) => {
      const recipients = ["laboratory", "an unknown partner"];
      await apply(projection, { name: "one", institution: "b", recipients, derivations: [derived("a", "b")] });
      assert.deepEqual(await projection.derivations(["a"], "down", 1), [
        { ...derived("a", "b"), event: sampleId("one"), institution: "b", recipients },
      ]);
    }));

  it("gives the earliest applied first, and no more than asked", () =>
    withProjection(harness, async (projection) => {
      const samples = Array.from({ length: 10 }, (_, i) => ({
        name: `event ${i}`,
        derivations: [derived(i % 2 === 0 ? "a" : "b", `copy ${9 - i}`)],
      }));
      await apply(projection, ...samples);
      const found = await projection.derivations(["b", "a"], "down", 4);
      assert.deepEqual(
        found.map(({ event }) => event),
        samples.slice(0, 4).map(({ name }) => sampleId(name)),
      );
    }));

  it("gives the earliest applied first at a thousand records as at one", () =>
    withProjection(harness, async (projection) => {
      const samples = Array.from({ length: 1_000 }, (_, i) => ({
        name: `event ${i}`,
        derivations: [derived(`source ${(i * 617) % 1_000}`, "the copy"), derived(`source ${i}`, `copy ${i % 7}`)],
      }));
      await apply(projection, ...samples);
      const records = Array.from({ length: 1_000 }, (_, i) => `source ${i}`);
      const found = await projection.derivations(records, "down", 501);
      assert.deepEqual(
        found.map(({ event }) => event),
        Array.from({ length: 501 }, (_, i) => sampleId(`event ${Math.floor(i / 2)}`)),
      );
    }));

  it("keeps one derivation that several events show once for each", () =>
    withProjection(harness, async (projection) => {
      const derivations = [derived("a", "b"), derived("a", "b")];
      await apply(projection, { name: "one", derivations }, { name: "two", derivations });
      const found = await projection.derivations(["a"], "down", 100);
      assert.deepEqual(
        found.map(({ event }) => event),
        [sampleId("one"), sampleId("two")],
      );
    }));

  it("refuses derivations over its limits", () =>
    withProjection(harness, async (projection) => {
      const records = Array.from({ length: PROJECTION_LIMITS.facetsMax + 1 }, (_, i) => `${i}`);
      await assert.rejects(projection.derivations(records, "up", 10), invalid);
      await assert.rejects(projection.derivations(["a"], "up", PROJECTION_LIMITS.derivationsMax + 1), invalid);
      await assert.rejects(projection.derivations(["a"], "up", 0), invalid);
    }));

  it("closes joined subjects over any number of steps, from any of them", () =>
    withProjection(harness, async (projection) => {
      await apply(projection, { name: "one", joins: [["d", "c"]] }, { name: "two", joins: [["x", "y"]] });
      assert.deepEqual(await projection.subjectClosure("c"), ["c", "d"]);
      const joins: SampleEvent["joins"] = [
        ["a", "b"],
        ["c", "b"],
        ["a", "b"],
      ];
      await projection.apply(blockOf(1, sampleBatch("log-0", 1, [{ name: "three", joins }])));
      for (const token of ["a", "b", "c", "d"]) {
        assert.deepEqual(await projection.subjectClosure(token), ["a", "b", "c", "d"]);
      }
      assert.deepEqual(await projection.subjectClosure("unknown"), ["unknown"]);
    }));

  it("says which event first joined two tokens", () =>
    withProjection(harness, async (projection) => {
      const joins: SampleEvent["joins"] = [
        ["a", "b"],
        ["c", "a"],
      ];
      await apply(projection, { name: "one", joins: [["b", "c"]] }, { name: "two", joins }, { name: "three", joins });
      assert.deepEqual(await projection.joins("a"), [
        { other: "b", event: sampleId("two") },
        { other: "c", event: sampleId("two") },
      ]);
      assert.deepEqual(await projection.joins("b"), [
        { other: "a", event: sampleId("two") },
        { other: "c", event: sampleId("one") },
      ]);
      assert.deepEqual(await projection.joins("unknown"), []);
    }));

  it("bounds a closure that someone grew without end", () =>
    withProjection(harness, async (projection) => {
      const token = (i: number): string => `token ${String(i).padStart(5, "0")}`;
      const chain = Array.from({ length: 3_000 }, (_, i): [string, string] => [token(i), token(i + 1)]);
      await apply(projection, { name: "one", joins: chain });
      const closure = await projection.subjectClosure(token(0));
      assert.equal(closure.length, PROJECTION_LIMITS.closureMax);
      assert.deepEqual(closure.slice(0, 2), [token(0), token(1)]);
      const star = chain.map(([one]): [string, string] => ["the middle", `${one} around it`]);
      await projection.apply(blockOf(1, sampleBatch("log-0", 1, [{ name: "two", joins: star }])));
      const around = await projection.subjectClosure("the middle");
      assert.equal(around.length, PROJECTION_LIMITS.closureMax);
      assert.ok(around.includes("the middle"));
      assert.equal((await projection.joins("the middle")).length, PROJECTION_LIMITS.closureMax);
    }));
}
