/** How MongoDB runs what the projection asks, by the plans that its profiler notes. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { EventFilter, Facet, Projection } from "@medtrace/shared/ports/projection";
import { blockOf, busyBlock, OWNER, refutedBatch, sampleId } from "@medtrace/shared/ports/projection.fixtures";
import { type Document, MongoClient } from "mongodb";
import { temporaryDatabase } from "../../testing/mongodb.ts";
import { realEngine } from "../../testing/real-engines.ts";
import { openProjection } from "../open.ts";

const BLOCKS = 12;
const PROFILE_BYTES_MAX = 64 * 1_048_576;
const server = realEngine("projection");
if (server !== undefined) {
  describe("MongoDB projection: plans", () => {
    it("walks an index for everything that it is asked while it serves and applies, and sorts nothing", async () => {
      const operations = await profiled(server, async (projection) => {
        for (const number of [0, 1]) await projection.apply(busyBlock(BLOCKS + number));
        await projection.apply(blockOf(BLOCKS + 2, refutedBatch("log-0", 99, "not the ledger's root")));
        await askEverything(projection);
      });
      assert.ok(operations.filter(({ op }) => op === "query").length > 60, "every query was noted");
      assert.ok(operations.some(({ op }) => op === "update"));
      for (const operation of operations) {
        const shown = `${JSON.stringify(operation["command"])}: ${operation["planSummary"]}`;
        if (operation["op"] === "insert") continue;
        const stages = stagesOf(operation["execStats"]);
        assert.ok(stages.length > 0, shown);
        assert.ok(!stages.includes("COLLSCAN"), shown);
        assert.ok(!stages.includes("SORT") && operation["hasSortStage"] !== true, shown);
      }
    });

    it("looks at no more than it gives, however much else there is", async () => {
      const operations = await profiled(server, async (projection) => {
        for (const viewer of ["hospital-a", undefined]) {
          for (const order of ["oldest-first", "newest-first"] as const) {
            const filter = { ...RECORDS, ...(viewer === undefined ? {} : { viewer }), order, limit: 5 };
            const { events } = await projection.find(filter);
            const last = events.at(-1);
            assert.ok(last);
            await projection.find({ ...filter, after: last });
          }
        }
      });
      const finds = operations.filter(({ ns, op }) => op === "query" && /events_/.test(ns));
      assert.ok(finds.length >= 8);
      for (const { docsExamined, nreturned, command } of finds) {
        assert.ok(docsExamined <= nreturned, `${docsExamined} read for ${nreturned}: ${JSON.stringify(command)}`);
      }
    });

    it("scans nothing for its content either, and sorts only what no index has in the order of the text", async () => {
      const operations = await profiled(server, async (projection) => {
        for await (const line of projection.content()) assert.ok(line);
      });
      assert.ok(operations.length > 5);
      const sorted = operations.filter(({ hasSortStage, op }) => hasSortStage === true && op === "command");
      assert.equal(sorted.length, 3);
      for (const { planSummary, command } of operations) {
        assert.ok(!String(planSummary).includes("COLLSCAN"), `${JSON.stringify(command)}: ${planSummary}`);
      }
    });
  });
}

const records = (count: number): Facet[] =>
  Array.from({ length: count }, (_, i) => ({ kind: "record", value: `hospital-a/Observation/${i}` }) as const);
const RECORDS = { facets: records(3) };

/** Every call of the port that reads, in every shape that it asks the server in. */
async function askEverything(projection: Projection): Promise<void> {
  const first = (await projection.applied(0, 10))[0];
  assert.ok(first);
  const selections: Omit<EventFilter, "order" | "limit">[] = [
    { facets: [] },
    { facets: [], viewer: "hospital-a" },
    { ...RECORDS, viewer: "hospital-b" },
    { facets: records(300), viewer: "hospital-a" },
    { facets: records(100) },
    { facets: [{ kind: "subject", value: "token-1" }], from: "2026-01-01T00:02:00Z", viewer: "laboratory" },
    { facets: [{ kind: "agent", value: "hospital-a/Practitioner/1" }], to: "2026-01-01T00:09:00Z" },
    { ...RECORDS, from: "2026-01-01T00:02:00Z", to: "2026-01-01T00:09:00Z", blockMax: 5 },
  ];
  for (const selection of selections) {
    await projection.count(selection, 50);
    for (const order of ["oldest-first", "newest-first"] as const) {
      await projection.find({ ...selection, order, limit: 7 });
      await projection.find({ ...selection, order, limit: 7, after: { at: "2026-01-01T00:05:00.000Z", seq: 60 } });
    }
  }
  const ref = { owner: OWNER, stream: "log-0", sequence: 2 };
  await projection.event(first.id);
  await projection.events([first.id, sampleId("unknown")]);
  await projection.batch(ref);
  await projection.tree(ref);
  await projection.batches(OWNER, "log-0", 3);
  await projection.batches(OWNER, "log-0", 3, 5);
  for (const direction of ["up", "down"] as const) {
    await projection.derivations([RECORDS.facets[0]?.value ?? ""], direction, 10);
    await projection.derivations(
      records(300).map(({ value }) => value),
      direction,
      10,
    );
  }
  await projection.subjectClosure("token-0");
  await projection.joins("token-0");
  await projection.incidents(3);
  await projection.counts();
  await projection.checkpoint();
  await projection.ping();
}

/** Every operation that the server did for `work`, over a projection of some blocks. */
async function profiled(url: string, work: (projection: Projection) => Promise<void>): Promise<Document[]> {
  const storage = temporaryDatabase(url);
  try {
    await using client = new MongoClient(storage.url);
    await using projection = await openProjection(storage.url);
    for (let number = 0; number < BLOCKS; number++) await projection.apply(busyBlock(number));
    // By default it holds one mebibyte, and forgets what does not fit.
    await client.db().createCollection("system.profile", { capped: true, size: PROFILE_BYTES_MAX });
    await client.db().setProfilingLevel("all");
    await work(projection);
    await client.db().setProfilingLevel("off");
    return await client
      .db()
      .collection("system.profile")
      .find({ ns: { $not: /system\.profile/ } })
      .toArray();
  } finally {
    await storage.drop();
  }
}

function stagesOf(plan: Document | undefined): string[] {
  if (plan === undefined) return [];
  const children: Document[] = [plan["inputStage"], ...(plan["inputStages"] ?? [])].filter(
    (stage) => stage !== undefined,
  );
  return [plan["stage"], ...children.flatMap(stagesOf)];
}
