/** From files to a queryable, provable store: sent once, sent again, rebuilt; and nobody named in it at rest. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import { getJson, medtrace, start, temporaryFolder, token } from "./testing/medtrace.ts";
import { filesIn, sample } from "./testing/sample.ts";

interface Report {
  readonly clean: boolean;
  readonly leaves: number;
  readonly events: number;
  readonly duplicates: number;
  readonly unanchored: number;
}

async function fsck(env: Readonly<Record<string, string>>): Promise<Report> {
  const ran = await medtrace(["fsck", "--json"], env);
  assert.equal(ran.code, 0, ran.stdout + ran.stderr);
  return JSON.parse(ran.stdout.trim().split("\n").at(-1) ?? "") as Report;
}

test("what is published twice is there once, a rebuilt projection is the same, and nobody is named at rest", async (t) => {
  await using folder = await temporaryFolder();
  const data = join(folder.path, "data");
  const traffic = await sample(join(folder.path, "traffic"));
  assert.ok(traffic.identifying.length > 20, "the sample names patients");

  await using running = await start(data);
  const publish = () => medtrace(["publish", traffic.folder, "--json"], running.env);
  const first = await publish();
  assert.equal(first.code, 0, first.stdout.slice(-2_000) + first.stderr);
  const bearer = await token(data, "hospital-a", "trace/lineage.read");
  await eventually(async () => {
    const { body } = await getJson(`${running.places.query}/v1/integrity`, bearer);
    return (await fsck(running.env)).unanchored === 0 && body["lag"] === 0;
  });
  const once = await fsck(running.env);
  t.diagnostic(`${once.leaves} leaves, ${once.events} events`);
  assert.ok(once.leaves > 500);

  assert.equal((await publish()).code, 0);
  const twice = await fsck(running.env);
  assert.deepEqual(twice, once, "the same messages again make no new leaf");

  assert.equal(await running.stop(), 0);
  const rebuilt = await medtrace(["rebuild", "--json"], running.env);
  assert.equal(rebuilt.code, 0, rebuilt.stderr);
  assert.deepEqual(await fsck(running.env), once, "fsck compares the rebuilt projection row by row");

  for (const path of await filesIn(data)) {
    const bytes = await readFile(path);
    for (const value of traffic.identifying) {
      assert.equal(bytes.includes(value), false, `${path} holds a patient's identifier or name in clear`);
    }
  }
});

async function eventually(holds: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 60; tries++) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  assert.fail("it did not come to hold");
}
