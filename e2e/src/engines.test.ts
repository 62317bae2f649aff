import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import { killServices } from "./faults/services.ts";
import { LEFT_OUT, realEngines } from "./testing/engines.ts";
import { medtrace, settled, start, temporaryFolder, token } from "./testing/medtrace.ts";
import { sample } from "./testing/sample.ts";

test("three processes on Kafka, MongoDB and Redis: publish, again, trace, evidence, fsck, rebuild", async (t) => {
  const engines = realEngines();
  if (engines === undefined) return t.diagnostic(LEFT_OUT);
  await using folder = await temporaryFolder();
  const data = join(folder.path, "data");
  const traffic = await sample(join(folder.path, "traffic"), 20);
  await using running = await start(data, engines);
  const env = { ...running.env, ...engines };
  const publish = async (): Promise<Record<string, number>> => {
    const ran = await medtrace(["publish", traffic.folder, "--json"], env);
    assert.equal(ran.code, 0, ran.stdout + ran.stderr);
    return (JSON.parse(ran.stdout.trim().split("\n").at(-1) ?? "{}") as { total: Record<string, number> }).total;
  };
  assert.equal((await publish())["accepted"], 1_000);
  assert.equal((await publish())["duplicate"], 1_000);
  const bearer = await token(data, "hospital-a", "trace/lineage.read trace/supervise");
  await settled(running, bearer, 1_000);

  const record = /"reference":"(DiagnosticReport\/[^"]+)"/;
  const id = `hospital-a/${record.exec(await readFile(join(traffic.folder, "hospital-a", "events.ndjson"), "utf8"))?.[1] ?? ""}`;
  const traced = await medtrace(["trace", id], env);
  assert.equal(traced.code, 0, traced.stderr);
  const file = join(folder.path, "evidence.json");
  assert.equal((await medtrace(["evidence", "--record", id, "--out", file], env)).code, 0);
  const verdict = await medtrace(["verify", file], env);
  assert.equal(verdict.code, 0, verdict.stdout);

  assert.equal(await running.stop(), 0);
  const checked = await medtrace(["fsck", "--json"], env);
  assert.equal(checked.code, 0, checked.stdout + checked.stderr);
  const rebuilt = await medtrace(["rebuild", "--json"], env);
  assert.equal(rebuilt.code, 0, rebuilt.stderr);
  const again = await medtrace(["fsck", "--json"], env);
  assert.equal(again.code, 0, again.stdout);
});

test("each service killed once on real engines: every event is anchored and projected once", async (t) => {
  const engines = realEngines();
  if (engines === undefined) return t.diagnostic(LEFT_OUT);
  await killServices({ rounds: 1, seed: 13, engines }, (line) => t.diagnostic(line));
});
