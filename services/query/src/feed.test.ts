import assert from "node:assert/strict";
import test from "node:test";
import { A, B, type Stack, startStack, type Who } from "./testing/stack.ts";

interface Message {
  readonly id: string;
  readonly event: { readonly id: string; readonly state: string };
}

/** Reads `count` messages of the feed, then leaves. */
async function read(
  stack: Stack,
  who: Who,
  count: number,
  last: string | undefined,
  ready = async () => {},
): Promise<Message[]> {
  const leave = new AbortController();
  const answer = await fetch(`${stack.url}/v1/feed`, {
    headers: {
      authorization: `Bearer ${await stack.token(who)}`,
      ...(last === undefined ? {} : { "last-event-id": last }),
    },
    signal: leave.signal,
  });
  assert.equal(answer.status, 200);
  assert.match(answer.headers.get("content-type") ?? "", /^text\/event-stream/);
  await ready();
  let text = "";
  const messages = (): Message[] =>
    [...text.matchAll(/^id: (\d+)\nevent: verified\ndata: (.*)\n\n/gm)].map(([, id = "", data = ""]) => ({
      id,
      event: JSON.parse(data),
    }));
  const decoder = new TextDecoder();
  for await (const chunk of answer.body ?? []) {
    text += decoder.decode(chunk as Uint8Array, { stream: true });
    if (messages().length >= count) break;
  }
  leave.abort();
  return messages();
}

test("the feed gives newly verified events in scope, as they come", async () => {
  await using stack = await startStack();
  await stack.publish({ name: "before" });
  const publish = async (): Promise<void> => {
    await stack.publish({ name: "a's" }, { name: "for b", recipients: ["hospital-b"] });
    await stack.publish({ name: "b's", institution: "hospital-b" });
  };
  const messages = await read(stack, B, 2, undefined, publish);
  assert.deepEqual(
    messages.map(({ event }) => event.state),
    ["verified", "verified"],
  );
  const names = await Promise.all(
    messages.map(async ({ event }) => (await stack.get(`/v1/events/${event.id}`, B)).status),
  );
  assert.deepEqual(names, [200, 200]);
});

test("a follower that comes back goes on after the last event it had", async () => {
  await using stack = await startStack();
  const ids = await stack.publish(...[0, 1, 2, 3].map((i) => ({ name: `${i}` })));
  const first = await read(stack, A, 2, "0");
  const rest = await read(stack, A, 2, first[1]?.id);
  assert.deepEqual(
    [...first.slice(0, 2), ...rest].map(({ event }) => event.id),
    ids,
  );
});

test("the feed is refused for a place that is none, and above its limit; it ends when the service does", async () => {
  const stack = await startStack({ env: { QUERY_FEEDS_MAX: "1" } });
  const bad = await fetch(`${stack.url}/v1/feed`, {
    headers: { authorization: `Bearer ${await stack.token(A)}`, "last-event-id": "yesterday" },
  });
  assert.equal(bad.status, 422);
  const held = await fetch(`${stack.url}/v1/feed`, { headers: { authorization: `Bearer ${await stack.token(A)}` } });
  assert.equal(held.status, 200);
  assert.equal((await stack.get("/v1/feed")).status, 503);
  const ended = held.text();
  await stack[Symbol.asyncDispose]();
  assert.match(await ended, /^retry: /);
});
