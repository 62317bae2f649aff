import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import test from "node:test";
import { Wakeup } from "./wakeup.ts";

test("a wait ends by a wakeup, by the signal, or by itself, whichever comes first", async () => {
  const wakeup = new Wakeup();
  const abort = new AbortController();
  const never = new AbortController().signal;
  const long_ms = 1_000_000;
  const all = Promise.all([wakeup.wait(long_ms, never), wakeup.wait(long_ms, never)]);
  wakeup.wake();
  await all;
  const aborted = wakeup.wait(long_ms, abort.signal);
  abort.abort();
  await aborted;
  await wakeup.wait(long_ms, abort.signal);
  await wakeup.wait(1, never);
});

test("waiting again and again leaves nothing behind", async () => {
  const wakeup = new Wakeup();
  const { signal } = new AbortController();
  for (let i = 0; i < 20; i++) await wakeup.wait(1, signal);
  assert.equal(getEventListeners(signal, "abort").length, 0);
});
