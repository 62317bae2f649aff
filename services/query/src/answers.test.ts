import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import test from "node:test";
import type { Cache } from "@medtrace/shared/ports/cache";
import { answer, type Result } from "./answers.ts";
import type { QueryContext } from "./context.ts";

const viewer = { institution: "hospital-a", supervises: false };

/** A context with a cache that the test can look into, and a height that it can set. */
function contextOver(values: Map<string, string>, state: { height: number }): QueryContext {
  const cache: Pick<Cache, "get" | "set"> = {
    get: async (key) => values.get(key),
    set: async (key, value) => void values.set(key, value),
  };
  const keys = { index: (bytes: Uint8Array) => createHmac("sha256", "key").update(bytes).digest() };
  const standing = async () => ({ height: state.height, ledgerHeight: state.height, lag: 0 });
  const settings = { limits: { cache_ms_max: 1_000 } };
  return { cache, keys, standing, settings } as unknown as QueryContext;
}

function counting(result: Partial<Result> = {}): { work: () => Promise<Result>; readonly times: number } {
  let times = 0;
  return {
    get times() {
      return times;
    },
    work: async () => ({ body: { found: ++times }, integrityFailures: 0, ...result }),
  };
}

test("the same question at the same height is worked out once, and anew at another height or scope", async () => {
  const state = { height: 5 };
  const ctx = contextOver(new Map(), state);
  const counted = counting();
  const ask = (who = viewer, query = ["a"]) => answer(ctx, { viewer: who, query, work: counted.work });
  assert.deepEqual(await ask(), await ask());
  assert.equal(counted.times, 1);
  await ask({ ...viewer, supervises: true });
  await ask({ ...viewer, institution: "hospital-b" });
  await ask(viewer, ["b"]);
  state.height = 6;
  assert.equal(((await ask()) as unknown as { height: number }).height, 6);
  assert.equal(counted.times, 5);
});

test("a cached answer that was changed, or moved to another question, is not given", async () => {
  const values = new Map<string, string>();
  const ctx = contextOver(values, { height: 5 });
  const counted = counting();
  const ask = (query: string) => answer(ctx, { viewer, query: [query], work: counted.work });
  await ask("a");
  const [[key, value]] = [...values] as [[string, string]];
  values.set(key, value.replace("1", "7"));
  assert.equal(((await ask("a")) as unknown as { found: number }).found, 2);
  await ask("b");
  const other = [...values.keys()].find((one) => one !== key) ?? "";
  values.set(key, values.get(other) ?? "");
  assert.equal(((await ask("a")) as unknown as { found: number }).found, 4);
});

test("an answer in which something failed verification is never kept", async () => {
  const values = new Map<string, string>();
  const counted = counting({ integrityFailures: 1 });
  const ctx = contextOver(values, { height: 5 });
  await answer(ctx, { viewer, query: ["a"], work: counted.work });
  await answer(ctx, { viewer, query: ["a"], work: counted.work });
  assert.deepEqual([counted.times, values.size], [2, 0]);
});
