import assert from "node:assert/strict";
import { once } from "node:events";
import { Agent, type ClientRequest, type IncomingMessage, request } from "node:http";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createLogger } from "./log.ts";
import { createMetrics } from "./metrics.ts";
import { createServer, listen } from "./server.ts";

const BODY_BYTES_MAX = 10_000;

async function start(heldBytesMax: number) {
  const log = createLogger({ name: "test", level: "silent" });
  const limits = { bodyBytesMax: BODY_BYTES_MAX, heldBytesMax };
  const app = await createServer({ name: "test", log, metrics: createMetrics(), ready: async () => [], limits });
  const answering = { wait: Promise.resolve() };
  app.post("/json", async (sent) => {
    await answering.wait;
    return { length: (sent.body as string).length };
  });
  const url = await listen(app, { host: "127.0.0.1", port: 0 });
  /** A request whose body is not ended yet. */
  const begin = (part: string, headers: object = {}): { asked: ClientRequest; answer: Promise<IncomingMessage> } => {
    const asked = request(`${url}/json`, {
      method: "POST",
      agent: false,
      headers: { "content-type": "application/json", ...headers },
    });
    const answer = once(asked, "response").then(([response]) => (response as IncomingMessage).resume());
    answer.catch(() => {});
    asked.write(part);
    return { asked, answer };
  };
  const status = async (text: string): Promise<number | undefined> => {
    const { asked, answer } = begin(JSON.stringify(text));
    asked.end();
    return (await answer).statusCode;
  };
  return { app, url, begin, status, answering };
}

test("a body over the limit is refused, announced or not, and one of the limit taken", async () => {
  const { app, begin, status } = await start(1_000_000);
  assert.equal(await status("x".repeat(BODY_BYTES_MAX - 2)), 200);
  const announced = begin("x", { "content-length": BODY_BYTES_MAX + 1 });
  assert.equal((await announced.answer).statusCode, 413, "before it has come");
  const { asked, answer } = begin("x".repeat(BODY_BYTES_MAX));
  asked.write("x");
  assert.equal((await answer).statusCode, 413, "before it has ended");
  await app.close();
});

test("a sender of far too much still gets its answer, on a connection that can be used again", async () => {
  const { app, url } = await start(1_000_000);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const post = async (body: Buffer): Promise<number | undefined> => {
    const headers = { "content-type": "application/json", "content-length": body.length };
    const asked = request(`${url}/json`, { method: "POST", agent, headers });
    const answer = once(asked, "response");
    asked.end(body);
    const [response] = (await answer) as [IncomingMessage];
    await once(response.resume(), "end");
    return response.statusCode;
  };
  const large = Buffer.alloc(20_000_000, "x");
  assert.deepEqual([await post(large), await post(large), await post(Buffer.from('"x"'))], [413, 413, 200]);
  agent.destroy();
  await app.close();
});

test("what is held over all requests is bounded, whoever is slow; it is free again when they are gone", async () => {
  const { app, begin, status } = await start(20_000);
  const slow = [begin("x".repeat(9_000)), begin("x".repeat(9_000))];
  while ((await status("x".repeat(5_000))) !== 503) await sleep(5);
  const { asked, answer } = begin(`"${"x".repeat(5_000)}"`);
  assert.equal((await answer).headers["retry-after"], "1");
  asked.destroy();
  assert.equal(await status("x".repeat(1_000)), 200, "what still fits is taken");
  for (const one of slow) one.asked.destroy();
  while ((await status("x".repeat(5_000))) !== 200) await sleep(5);
  for (let i = 0; i < 50; i++) assert.equal(await status("x".repeat(5_000)), 200);
  await app.close();
});

test("a body is held until its request is answered, or nobody waits for the answer", async () => {
  const { app, begin, status, answering } = await start(20_000);
  const held = Promise.withResolvers<void>();
  answering.wait = held.promise;
  const text = JSON.stringify("x".repeat(8_000));
  const waiting = [begin(text), begin(text)];
  for (const { asked } of waiting) asked.end();
  await sleep(50);
  assert.equal(await status("x".repeat(5_000)), 503);
  waiting[0]?.asked.destroy();
  await sleep(50);
  const third = begin(text);
  third.asked.end();
  await sleep(50);
  held.resolve();
  assert.deepEqual([(await waiting[1]?.answer)?.statusCode, (await third.answer).statusCode], [200, 200]);
  await app.close();
});

test("one body alone is taken, also over what all may hold", async () => {
  const { app, status } = await start(1_000);
  assert.equal(await status("x".repeat(5_000)), 200);
  await app.close();
});
