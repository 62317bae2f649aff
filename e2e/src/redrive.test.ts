import assert from "node:assert/strict";
import { join } from "node:path";
import test from "node:test";
import { openEventLog } from "@medtrace/engines/event-log/open";
import { DEAD_LETTER_FORMAT, deadLetterBytes } from "@medtrace/shared/model/dead-letter";
import { getJson, medtrace, settled, start, temporaryFolder, token } from "./testing/medtrace.ts";
import { sample } from "./testing/sample.ts";

test("what cannot be projected is a dead letter with its reason and nothing of its content; redrive tries it again", async () => {
  await using folder = await temporaryFolder();
  const data = join(folder.path, "data");
  const traffic = await sample(join(folder.path, "traffic"), 1);
  await using running = await start(data);
  assert.equal((await medtrace(["publish", traffic.folder], running.env)).code, 0);
  const foreign = new TextEncoder().encode('{"name":"Jane Doe","format":"of another program"}');
  let filled = -1;
  {
    await using log = await openEventLog(`embedded:${join(data, "event-log")}`);
    // Tokens are random: which partitions hold events is too.
    filled = (await log.ranges()).findIndex(({ end }) => end > 0);
    await log.append([{ key: "foreign", value: foreign }]);
  }
  const bearer = await token(data, "hospital-a", "trace/lineage.read trace/supervise");
  await settled(running, bearer, 51);
  const integrity = await getJson(`${running.places.query}/v1/integrity`, bearer);
  assert.match(JSON.stringify(integrity.body), /unreadable-event/);
  assert.doesNotMatch(JSON.stringify(integrity.body), /Jane|Doe/);
  assert.equal(await running.stop(), 0);

  const dry = await medtrace(["redrive", "--dry-run", "--json"], running.env);
  const [letter, summary] = dry.stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.equal(dry.code, 1);
  assert.deepEqual(summary, { readable: 0, unreadable: 1, redriven: false });
  assert.equal(letter?.["reason"], "format is not 1");
  assert.doesNotMatch(dry.stdout, /Jane|Doe/);

  // As if an older version had not known a record that this one knows.
  {
    await using dead = await openEventLog(`embedded:${join(data, "dead-letters")}`);
    const known = {
      format: DEAD_LETTER_FORMAT,
      stream: `events-${filled}`,
      partition: filled,
      offset: 0,
      reason: "of a newer version",
    } as const;
    await dead.append([{ key: known.stream, value: deadLetterBytes(known) }]);
  }
  const redriven = await medtrace(["redrive", "--json"], running.env);
  assert.equal(redriven.code, 1);
  assert.deepEqual(JSON.parse(redriven.stdout.trim().split("\n").at(-1) ?? ""), {
    readable: 1,
    unreadable: 1,
    redriven: true,
  });
});
