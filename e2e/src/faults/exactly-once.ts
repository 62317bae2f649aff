/** What must hold after every fault: everything acknowledged is anchored and projected, each event once. */
import assert from "node:assert/strict";
import { medtrace, type Started, settled } from "../testing/medtrace.ts";
import type { Publishing } from "./publishing.ts";

/**
 * Waits until all is projected, then lets `fsck` look. `leavesMore`: records that a sender's repetition may have left
 * twice in a log that cannot tell (Kafka, where an append's outcome stayed unknown); each has its leaf all the same.
 */
export async function assertExactlyOnce(
  running: Started,
  bearer: string,
  { acknowledged, sent }: Publishing,
  { env, leavesMore = false }: { env: Readonly<Record<string, string>>; leavesMore?: boolean },
  say: (line: string) => void,
): Promise<void> {
  assert.equal(acknowledged.size, sent, "every event was acknowledged under an id of its own");
  await settled(running, bearer, acknowledged.size);
  const checked = await medtrace(["fsck", "--json"], env);
  const last = checked.stdout.trim().split("\n").at(-1) ?? "{}";
  say(`fsck: ${last}`);
  assert.equal(checked.code, 0, checked.stdout + checked.stderr);
  const report = JSON.parse(last) as { clean: boolean; events: number; leaves: number; duplicates: number };
  assert.deepEqual({ clean: report.clean, events: report.events }, { clean: true, events: sent });
  assert.equal(report.leaves, sent + report.duplicates, "every leaf is an event or a counted duplicate");
  if (!leavesMore) assert.equal(report.duplicates, 0);
}
