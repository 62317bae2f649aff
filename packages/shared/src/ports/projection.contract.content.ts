/** Contract of Projection: its content as lines, and starting again. */
import { strict as assert } from "node:assert";
import { it } from "node:test";
import { checkpointOf, compareContentRows, contentRow } from "../projection-content.ts";
import { contentOf, idsOf, type ProjectionHarness, withProjection } from "./projection.contract.kit.ts";
import { blockOf, busyBlock, refutedBatch, type SampleEvent, sampleBatch } from "./projection.fixtures.ts";
import type { Projection } from "./projection.ts";

const BLOCKS = 5;

export function contentContract(harness: ProjectionHarness): void {
  const feed = async (projection: Projection): Promise<void> => {
    for (let number = 0; number < BLOCKS; number++) await projection.apply(busyBlock(number));
    await projection.apply(blockOf(BLOCKS, refutedBatch("log-0", BLOCKS, "not the ledger's root")));
  };
  const contentAfter = async (sample: SampleEvent): Promise<string[]> => {
    let content: string[] = [];
    await withProjection(harness, async (projection) => {
      await projection.apply(blockOf(0, sampleBatch("log-0", 0, [{ name: "first" }, sample])));
      content = await contentOf(projection);
    });
    return content;
  };

  it("has the same content in two projections that applied the same blocks", () =>
    withProjection(harness, async (projection) => {
      await using storage = await harness.create();
      await using other = await storage.open();
      await feed(projection);
      await feed(other);
      const content = await contentOf(projection);
      assert.deepEqual(await contentOf(other), content);
      assert.equal(new Set(content).size, content.length);
      assert.deepEqual(
        new Set(content.map((line) => contentRow(line).table)),
        new Set(["checkpoint", "batch", "event", "facet", "derivation", "join", "incident"]),
      );
    }));

  it("orders its lines as any engine does, the checkpoint first", () =>
    withProjection(harness, async (projection) => {
      assert.equal(checkpointOf((await contentOf(projection))[0] ?? ""), undefined);
      const facets = ["b", "\uffff", "\u{1f600}", "a", "B"].map((value) => ({ kind: "record", value }) as const);
      const recipients = ["\u{1f600}", "\uffff", "z", "hospital-b"];
      await projection.apply(blockOf(0, sampleBatch("log-9", 0, [{ name: "one", facets, recipients }])));
      await projection.apply(blockOf(1, sampleBatch("log-10", 0, [{ name: "two", facets, institution: "z" }])));
      const lines = await contentOf(projection);
      assert.deepEqual(checkpointOf(lines[0] ?? ""), { ...(await projection.checkpoint()) });
      const rows = lines.map(contentRow);
      rows.slice(1).forEach((row, i) => {
        assert.ok(compareContentRows(rows[i] as (typeof rows)[0], row) < 0, `${rows[i]?.line} before ${row.line}`);
      });
    }));

  it("tells every difference between two events", async () => {
    const plain: SampleEvent = { name: "second" };
    const before = await contentAfter(plain);
    const changes: Partial<SampleEvent>[] = [
      { name: "third" },
      { institution: "hospital-b" },
      { at: "2026-01-01T00:00:00.001Z" },
      { recipients: ["hospital-b"] },
      { facets: [{ kind: "record", value: "a" }] },
      { derivations: [{ from: "a", to: "b", relation: "wasQuotedFrom" }] },
      { joins: [["a", "b"]] },
      { digest: "hmac-sha256:aa" },
    ];
    const contents = await Promise.all(changes.map((change) => contentAfter({ ...plain, ...change })));
    const texts = [before, ...contents].map((lines) => lines.join("\n"));
    assert.equal(new Set(texts).size, texts.length);
  });

  it("reads its content as of one moment, whatever is applied meanwhile", () =>
    withProjection(harness, async (projection) => {
      await projection.apply(busyBlock(0));
      const before = await contentOf(projection);
      const lines: string[] = [];
      for await (const line of projection.content()) {
        lines.push(line);
        if (lines.length <= 3) await projection.apply(busyBlock(lines.length));
      }
      assert.deepEqual(lines, before);
      assert.equal((await projection.checkpoint())?.block, 3);
    }));

  it("lets a reader of its content leave early", () =>
    withProjection(harness, async (projection) => {
      await projection.apply(busyBlock(0));
      for await (const line of projection.content()) if (contentRow(line).table === "event") break;
      await projection.apply(busyBlock(1));
      await projection.reset();
      assert.equal(await projection.checkpoint(), undefined);
    }));

  it("forgets everything at a reset, and then applies the same blocks to the same content", () =>
    withProjection(harness, async (projection) => {
      const empty = await contentOf(projection);
      await feed(projection);
      const content = await contentOf(projection);
      await projection.reset();
      assert.deepEqual(await contentOf(projection), empty);
      assert.deepEqual(await idsOf(projection), []);
      assert.equal((await projection.counts()).incidents, 0);
      await feed(projection);
      assert.deepEqual(await contentOf(projection), content);
    }));
}
