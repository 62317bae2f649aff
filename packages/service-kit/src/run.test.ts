import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { describe, test } from "node:test";

const HERE = (file: string): string => JSON.stringify(new URL(file, import.meta.url).href);

/** A process with two services; each logs when it closes. */
function start(first: string, drain_ms_max = 5_000): ChildProcess {
  const script = `
    import { createLogger } from ${HERE("./log.ts")};
    import { runUntilSignal } from ${HERE("./run.ts")};
    const keep = setInterval(() => undefined, 1_000);
    const first = { async [Symbol.asyncDispose]() { console.log("first"); ${first} } };
    const second = { async [Symbol.asyncDispose]() { console.log("second"); clearInterval(keep); } };
    setTimeout(() => console.log("up"), 0);
    await runUntilSignal([first, second], { log: createLogger({ name: "t", level: "silent" }), drain_ms_max: ${drain_ms_max} });
    console.log("gone");
  `;
  const args = ["--input-type=module-typescript", "-e", script];
  return spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
}

/** Sends each signal as soon as the process has said the word before it. */
async function play(child: ChildProcess, signals: readonly (readonly [after: string, NodeJS.Signals])[]) {
  let said = "";
  const left = [...signals];
  child.stdout?.on("data", (chunk) => {
    said += chunk;
    while (left[0] !== undefined && said.includes(left[0][0])) child.kill(left.shift()?.[1]);
  });
  const [code] = await once(child, "close");
  return { code, said: said.trim().split("\n") };
}

describe("runUntilSignal", () => {
  test("drains in order on SIGTERM and ends with 0", async () => {
    const { code, said } = await play(start("await new Promise((r) => setTimeout(r, 50));"), [["up", "SIGTERM"]]);
    assert.deepEqual([code, said], [0, ["up", "first", "second", "gone"]]);
  });

  test("closes the others where one fails, and ends with 1", async () => {
    const { code, said } = await play(start('throw new Error("broken");'), [["up", "SIGINT"]]);
    assert.deepEqual([code, said], [1, ["up", "first", "second", "gone"]]);
  });

  test("leaves at once on a second signal", async () => {
    const stuck = start("await new Promise(() => undefined);", 60_000);
    const { code, said } = await play(stuck, [
      ["up", "SIGTERM"],
      ["first", "SIGTERM"],
    ]);
    assert.deepEqual([code, said], [1, ["up", "first"]]);
  });

  test("leaves when the drain takes too long", async () => {
    const { code, said } = await play(start("await new Promise(() => undefined);", 100), [["up", "SIGTERM"]]);
    assert.deepEqual([code, said], [1, ["up", "first"]]);
  });
});
