import test from "node:test";
import { killWhilePublishing } from "./kill.ts";

const kills = Number(process.env["FAULT_KILLS"] ?? 50);
const seed = Number(process.env["FAULT_SEED"] ?? 1);

test(`kill -9, ${kills} times while publishing (seed ${seed}): everything acknowledged is anchored once`, async (t) => {
  await killWhilePublishing(kills, seed, (line) => t.diagnostic(line));
});
