import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { busy, startTestIngest, type TestIngest } from "../testing/ingest.ts";
import { jsonLines, run } from "../testing/terminal.ts";
import { addPublish } from "./publish.ts";
import { addSimulate } from "./simulate.ts";

let ingest: TestIngest;
before(async () => {
  ingest = await startTestIngest();
});
after(() => ingest[Symbol.asyncDispose]());
const simulate = (...args: string[]) => run(["simulate", ...args], [addSimulate], ingest.env);

describe("medtrace simulate", () => {
  test("sends each institution's messages with its own token; the same seed again adds nothing", async () => {
    const first = await simulate("--rate", "0", "--seconds", "12", "--seed", "s", "--json");
    assert.deepEqual([first.code, first.err], [0, ""]);
    const total = jsonLines(first.out).at(-1)?.["total"] as Record<string, number>;
    assert.deepEqual([total["sent"], total["accepted"], total["flagged"], total["refused"]], [1_200, 1_200, 0, 0]);
    assert.equal(ingest.taken.length, 1_200);
    assert.deepEqual([...new Set(ingest.taken.map(({ institution }) => institution))].sort(), [
      "hospital-a",
      "hospital-b",
      "lab-c",
    ]);
    const again = await simulate("--rate", "0", "--seconds", "12", "--seed", "s");
    assert.match(again.out, /: 1200 duplicate\n$/);
    assert.equal(ingest.taken.length, 1_200);
  });

  test("keeps its rate, and the order of each system's messages while ingest is busy", async () => {
    const before = ingest.taken.length;
    ingest.failNext(busy());
    const { code, out } = await simulate("--rate", "300", "--seconds", "1", "--seed", "paced", "--json");
    assert.equal(code, 0);
    const total = jsonLines(out).at(-1)?.["total"] as Record<string, number>;
    assert.equal(total["accepted"], 300);
    assert.ok((total["seconds"] ?? 0) > 0.8);
    const hl7 = ingest.taken
      .slice(before)
      .filter(({ institution, draft }) => institution === "hospital-a" && draft.format === "hl7v2");
    const ids = hl7.map(({ draft }) => draft.messageId ?? "");
    assert.deepEqual(ids, ids.toSorted());
  });

  test("writes the same files for the same seed, which publish takes", async () => {
    const folder = await mkdtemp(join(tmpdir(), "medtrace-simulate-"));
    for (const name of ["one", "two"]) {
      const { code } = await simulate(
        "--rate",
        "500",
        "--seconds",
        "3",
        "--seed",
        "files",
        "--out",
        join(folder, name),
      );
      assert.equal(code, 0);
    }
    for (const file of ["hospital-a/messages.hl7", "hospital-a/events.ndjson", "lab-c/messages.hl7"]) {
      assert.deepEqual(await readFile(join(folder, "one", file)), await readFile(join(folder, "two", file)));
    }
    const path = join(folder, "one", "hospital-a");
    const { code, out } = await run(["publish", path], [addPublish], ingest.env);
    assert.equal(code, 0);
    assert.match(out, /^2 files: \d+ accepted$/m);
    await rm(folder, { recursive: true });
  });

  test("ends with 2 where there is no ingest, or the options are wrong", async () => {
    const gone = { ...ingest.env, INGEST_URL: "http://127.0.0.1:1" };
    const { code, err } = await run(
      ["simulate", "--rate", "0", "--seconds", "1", "--retry-seconds", "0"],
      [addSimulate],
      gone,
    );
    assert.equal(code, 2);
    assert.match(err, /ingest cannot be reached/);
    assert.equal((await simulate("--rate", "fast")).code, 2);
    assert.match((await simulate("--start", "monday")).err, /--start/);
  });
});
