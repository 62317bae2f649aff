/** Kill -9 at random moments while publishing; then everything acknowledged must be there once, and provable. */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { start, temporaryFolder, token } from "../testing/medtrace.ts";
import { assertExactlyOnce } from "./exactly-once.ts";
import { publish, seeded } from "./publishing.ts";

/** The whole trial. Throws an AssertionError where a promise is broken. */
export async function killWhilePublishing(kills: number, seed: number, say: (line: string) => void): Promise<void> {
  const random = seeded(seed);
  await using folder = await temporaryFolder();
  let running = await start(folder.path);
  try {
    const bearer = await token(folder.path, "hospital-a", "trace/events.write trace/lineage.read trace/supervise");
    let stop = false;
    const publishing = publish(
      seed,
      () => running,
      bearer,
      () => stop,
    );
    for (let killed = 0; killed < kills; killed++) {
      await sleep(random() * 400);
      await running.kill();
      running = await start(folder.path);
    }
    stop = true;
    const published = await publishing;
    say(`killed ${kills} times while ${published.sent} events were published`);
    await assertExactlyOnce(running, bearer, published, { env: { MEDTRACE_DATA: folder.path } }, say);
    assert.equal(await running.stop(), 0);
  } finally {
    await running[Symbol.asyncDispose]();
  }
}
