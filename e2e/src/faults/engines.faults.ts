import test from "node:test";
import { killEnginesAndServices } from "./engines.ts";

const rounds = Number(process.env["FAULT_ROUNDS"] ?? 5);
const seed = Number(process.env["FAULT_SEED"] ?? 1);
const url = process.env["EVENT_LOG_URL"] ?? "";

test(`kill -9, every service and every engine ${rounds} times (seed ${seed}), Redis gone at the end: every event once`, async (t) => {
  if (!url.startsWith("kafka:")) {
    return t.diagnostic("left out: faults of real engines; npm run engines:up, then source infra/native/engines.env");
  }
  await killEnginesAndServices(rounds, seed, (line) => t.diagnostic(line));
});
