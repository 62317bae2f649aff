import test from "node:test";
import { killWhilePublishing } from "./faults/kill.ts";

test("kill -9, 3 times while publishing: everything acknowledged is anchored once", async (t) => {
  await killWhilePublishing(3, 7, (line) => t.diagnostic(line));
});
