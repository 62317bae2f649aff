import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import test from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { MedtraceError } from "@medtrace/shared/errors";
import { FRAME_END, FRAME_END_2, frame } from "./framer.ts";
import type { MllpLimits } from "./limits.ts";
import { type MllpListener, startMllp } from "./server.ts";

type Answer = (content: string, institution: string) => Promise<string | undefined>;

interface Trial {
  readonly listener: MllpListener;
  readonly logged: string[];
  /** Contents that reached `take`, in order. */
  readonly taken: string[];
}

async function listen(answer: Answer, limits: Partial<MllpLimits> = {}): Promise<Trial> {
  const logged: string[] = [];
  const taken: string[] = [];
  const log = {
    info: (_fields: object, text: string) => logged.push(text),
    warn: (_fields: object, text: string) => logged.push(text),
  };
  const listener = await startMllp({
    host: "127.0.0.1",
    port: 0,
    institution: "north-hospital",
    take: async (institution, content) => {
      const text = Buffer.from(content).toString();
      taken.push(text);
      const reply = await answer(text, institution);
      return { replies: reply === undefined ? [] : reply.split("&").map((part) => Buffer.from(part)) };
    },
    reject: (error: MedtraceError) => Buffer.from(`reject ${error.code}`),
    limits,
    log,
  });
  return { listener, logged, taken };
}

const echo: Answer = async (content) => `ack ${content}`;
const framed = (...contents: string[]): Buffer => Buffer.concat(contents.map((content) => frame(Buffer.from(content))));

class Client {
  readonly socket: Socket;
  #received = Buffer.alloc(0);
  readonly closed: Promise<unknown>;

  constructor(port: number) {
    this.socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    this.socket.on("data", (chunk) => {
      this.#received = Buffer.concat([this.#received, chunk]);
    });
    this.socket.on("error", () => {});
    this.closed = new Promise((resolve) => this.socket.once("close", resolve));
  }

  /** Resolves with the contents received, once there are this many, or the connection is closed. */
  async answers(count: number): Promise<string[]> {
    for (;;) {
      const contents = this.#received.toString().split(String.fromCharCode(FRAME_END, FRAME_END_2)).slice(0, -1);
      if (contents.length >= count || this.socket.closed) return contents.map((content) => content.slice(1));
      await Promise.race([new Promise((resolve) => this.socket.once("data", resolve)), this.closed]);
    }
  }
}

test("frames are answered in their order, though later ones are taken first", async () => {
  const first = Promise.withResolvers<void>();
  const { listener, taken } = await listen(async (content) => {
    if (content === "1") await first.promise;
    else if (content === "3") first.resolve();
    return `ack ${content}`;
  });
  await using _ = listener;
  const client = new Client(listener.port);
  client.socket.write(framed("1", "2", "3"));
  assert.deepEqual(await client.answers(3), ["ack 1", "ack 2", "ack 3"]);
  assert.deepEqual(taken, ["1", "2", "3"]);
  client.socket.destroy();
});

test("nothing is answered before it is taken", async () => {
  const durable = Promise.withResolvers<void>();
  const { listener } = await listen(async () => {
    await durable.promise;
    return "ack";
  });
  await using _ = listener;
  const client = new Client(listener.port);
  client.socket.write(framed("1"));
  let answered = false;
  const answers = client.answers(1).then((contents) => {
    answered = true;
    return contents;
  });
  await sleep(30);
  assert.equal(answered, false);
  durable.resolve();
  assert.deepEqual(await answers, ["ack"]);
  client.socket.destroy();
});

test("a frame that wants no answer gets none, and the next one is answered", async () => {
  const { listener } = await listen(async (content) => (content === "quiet" ? undefined : "ack"));
  await using _ = listener;
  const client = new Client(listener.port);
  client.socket.write(framed("quiet", "loud"));
  assert.deepEqual(await client.answers(1), ["ack"]);
  client.socket.destroy();
});

test("two answers to one frame are two frames, before those to the next", async () => {
  const { listener } = await listen(async (content) => `accept ${content}&done ${content}`);
  await using _ = listener;
  const client = new Client(listener.port);
  client.socket.write(framed("1", "2"));
  assert.deepEqual(await client.answers(4), ["accept 1", "done 1", "accept 2", "done 2"]);
  client.socket.destroy();
});

test("a peer that closes its side after sending still reads its answers", async () => {
  const { listener } = await listen(async (content) => {
    await sleep(20);
    return `ack ${content}`;
  });
  await using _ = listener;
  const client = new Client(listener.port);
  client.socket.end(framed("1", "2"));
  assert.deepEqual(await client.answers(2), ["ack 1", "ack 2"]);
  client.socket.destroy();
});

test("no more frames are in flight than the limit, and all are answered", async () => {
  let inFlight = 0;
  let highest = 0;
  const { listener } = await listen(
    async (content) => {
      highest = Math.max(highest, ++inFlight);
      await sleep(1);
      inFlight--;
      return content;
    },
    { inFlightMax: 4 },
  );
  await using _ = listener;
  const client = new Client(listener.port);
  const contents = Array.from({ length: 100 }, (_, i) => `${i}`);
  client.socket.write(framed(...contents));
  assert.deepEqual(await client.answers(100), contents);
  assert.equal(highest, 4);
  client.socket.destroy();
});

test("a frame over the limit is refused after what came before it, and the connection ends", async () => {
  const { listener, taken } = await listen(echo, { frameBytesMax: 1_000 });
  await using _ = listener;
  const client = new Client(listener.port);
  client.socket.write(framed("1"));
  client.socket.write(`\x0b${"x".repeat(200_000)}`);
  assert.deepEqual(await client.answers(2), ["ack 1", "reject INPUT_TOO_LARGE"]);
  client.socket.end();
  await client.closed;
  assert.deepEqual(taken, ["1"]);
});

test("a hundred megabytes in one frame are refused before they have all come", async () => {
  const { listener, taken } = await listen(echo);
  await using _ = listener;
  const client = new Client(listener.port);
  const answers = client.answers(1);
  client.socket.write("\x0b");
  const chunk = Buffer.alloc(1_048_576, 0x41);
  const send = (left: number): void => {
    if (left > 0 && client.socket.writable) client.socket.write(chunk, () => send(left - 1));
  };
  send(100);
  assert.deepEqual(await answers, ["reject INPUT_TOO_LARGE"]);
  client.socket.destroy();
  assert.deepEqual(taken, []);
});

test("a frame that never ends is refused when its time is over", async () => {
  const { listener } = await listen(echo, { frame_ms_max: 50 });
  await using _ = listener;
  const client = new Client(listener.port);
  client.socket.write("\x0bMSH|^~");
  const drip = setInterval(() => client.socket.write("&"), 10);
  assert.deepEqual(await client.answers(1), ["reject INPUT_MALFORMED"]);
  clearInterval(drip);
  client.socket.end();
  await client.closed;
});

test("a sender that does not frame is told so, at once where it sends much, else when its time is over", async () => {
  const { listener, taken } = await listen(echo, { frame_ms_max: 50 });
  await using _ = listener;
  for (const sent of ["MSH|^~\\&|WARD\r", "MSH|^~\\&|WARD\r".repeat(1_000)]) {
    const client = new Client(listener.port);
    client.socket.write(Buffer.concat([framed("1"), Buffer.from(sent)]));
    assert.deepEqual(await client.answers(2), ["ack 1", "reject INPUT_MALFORMED"]);
    client.socket.end();
    await client.closed;
  }
  assert.deepEqual(taken, ["1", "1"]);
  assert.equal(listener.tallies.of("north-hospital").framesRefused.unframed, 2);
});

test("a refusal is answered after all that was framed before it, however much of that waits", async () => {
  const { listener } = await listen(
    async (content) => {
      await sleep(5);
      return `ack ${content}`;
    },
    { inFlightMax: 2, frameBytesMax: 1_000 },
  );
  await using _ = listener;
  const client = new Client(listener.port);
  client.socket.write(Buffer.concat([framed("1", "2", "3", "4", "5"), Buffer.from(`\x0b${"x".repeat(1_001)}`)]));
  const expected = ["ack 1", "ack 2", "ack 3", "ack 4", "ack 5", "reject INPUT_TOO_LARGE"];
  assert.deepEqual(await client.answers(6), expected);
  client.socket.end();
  await client.closed;
  assert.equal((await client.answers(0)).length, 6);
});

test("a frame's time does not run while its sender is made to wait", async () => {
  const { listener } = await listen(
    async (content) => {
      await sleep(150);
      return `ack ${content}`;
    },
    { inFlightMax: 1, frame_ms_max: 60 },
  );
  await using _ = listener;
  const client = new Client(listener.port);
  client.socket.write(Buffer.concat([framed("1"), Buffer.from("\x0b2")]));
  assert.deepEqual(await client.answers(1), ["ack 1"]);
  client.socket.write(Buffer.of(FRAME_END, FRAME_END_2));
  assert.deepEqual(await client.answers(2), ["ack 1", "ack 2"]);
  client.socket.destroy();
});

test("a silent connection is closed", async () => {
  const { listener, logged } = await listen(echo, { idle_ms_max: 40 });
  await using _ = listener;
  const client = new Client(listener.port);
  client.socket.write(framed("1"));
  assert.deepEqual(await client.answers(1), ["ack 1"]);
  client.socket.once("end", () => client.socket.end());
  await client.closed;
  assert.ok(logged.includes("connection closed for silence"));
});

test("connections over the limit are refused, and those within it served", async () => {
  const { listener } = await listen(echo, { connectionsMax: 1 });
  await using _ = listener;
  const first = new Client(listener.port);
  first.socket.write(framed("1"));
  assert.deepEqual(await first.answers(1), ["ack 1"]);
  const second = new Client(listener.port);
  second.socket.once("end", () => second.socket.end());
  await second.closed;
  assert.deepEqual(await second.answers(0), []);
  first.socket.destroy();
});

test("when too much is held over all connections, frames are turned away for now", async () => {
  const held = Promise.withResolvers<void>();
  const { listener } = await listen(
    async () => {
      await held.promise;
      return "ack";
    },
    { heldBytesMax: 1_000 },
  );
  await using _ = listener;
  const first = new Client(listener.port);
  first.socket.write(framed("x".repeat(900)));
  const second = new Client(listener.port);
  await sleep(20);
  second.socket.write(framed("y".repeat(900)));
  assert.deepEqual(await second.answers(1), ["reject BUSY"]);
  second.socket.write(`\x0b${"z".repeat(900)}`);
  assert.deepEqual(await second.answers(2), ["reject BUSY", "reject BUSY"]);
  held.resolve();
  assert.deepEqual(await first.answers(1), ["ack"]);
  first.socket.destroy();
  second.socket.destroy();
});

test("a fault while taking is answered as one that may pass, and the connection goes on", async () => {
  const { listener } = await listen(async (content) => {
    if (content === "1") throw new TypeError("a fault");
    return `ack ${content}`;
  });
  await using _ = listener;
  const client = new Client(listener.port);
  client.socket.write(framed("1", "2"));
  assert.deepEqual(await client.answers(2), ["reject STORAGE_FAILED", "ack 2"]);
  client.socket.destroy();
});

test("closing answers every frame that is whole, then ends the connections", async () => {
  const { listener, taken } = await listen(
    async (content) => {
      await sleep(30);
      return `ack ${content}`;
    },
    { inFlightMax: 2 },
  );
  const client = new Client(listener.port);
  client.socket.write(Buffer.concat([framed("1", "2", "3"), Buffer.from("\x0bhalf")]));
  client.socket.once("end", () => client.socket.end());
  while (taken.length < 2) await sleep(5);
  await listener[Symbol.asyncDispose]();
  assert.deepEqual(await client.answers(3), ["ack 1", "ack 2", "ack 3"]);
  await client.closed;
  assert.equal(listener.connections, 0);
});

test("a port that is taken is an error of starting", async () => {
  const { listener } = await listen(echo);
  await using _ = listener;
  await assert.rejects(
    startMllp({
      host: "127.0.0.1",
      port: listener.port,
      institution: "north-hospital",
      take: async () => ({ replies: [] }),
      reject: () => new Uint8Array(),
      log: { info: () => {}, warn: () => {} },
    }),
    { code: "CONFIGURATION", at: `127.0.0.1:${listener.port}` },
  );
});
