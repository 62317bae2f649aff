import test from "node:test";
import { killServices } from "./faults/services.ts";

test("each service in a process of its own, each killed once under load: every event is anchored and projected once", async (t) => {
  if (process.platform !== "linux") return t.diagnostic("left out: needs Linux, whose /proc names the processes");
  await killServices({ rounds: 1, seed: 11 }, (line) => t.diagnostic(line));
});
