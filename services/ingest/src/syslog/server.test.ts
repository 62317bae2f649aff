import assert from "node:assert/strict";
import { connect as connectPlain, type Socket } from "node:net";
import test from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { connect, type TLSSocket } from "node:tls";
import { MedtraceError } from "@medtrace/shared/errors";
import { createDirectory } from "@medtrace/shared/model/directory";
import { selfSigned } from "@medtrace/shared/testing/certificate";
import { institutionOfCertificate } from "../mllp/tls.ts";
import { frame } from "./framer.ts";
import type { SyslogLimits } from "./limits.ts";
import { type SyslogListener, startSyslog, type TlsVersion } from "./server.ts";
import type { Take } from "./take.ts";

const SERVER = selfSigned("medtrace");
const LAB = selfSigned("pacs.city-lab.example");
const STRANGER = selfSigned("stranger");
const UNSIGNED = selfSigned("pacs.city-lab.example");
const DIRECTORY = createDirectory({
  institutions: [{ id: "city-lab", aliases: ["pacs.city-lab.example"] }],
  sharedIdentifierSystems: [],
});

interface Stand {
  readonly listener: SyslogListener;
  /** Every message that was taken: its institution and its text. */
  readonly taken: string[];
  readonly logged: string[];
}

async function listen(
  through: (take: Take) => Take = (take) => take,
  limits: Partial<SyslogLimits> = {},
  maxVersion: TlsVersion = "TLSv1.2",
): Promise<Stand> {
  const taken: string[] = [];
  const logged: string[] = [];
  const take: Take = async (institution, messages) => {
    taken.push(...messages.map((message) => `${institution} ${Buffer.from(message).toString("latin1")}`));
    return messages.map(() => undefined);
  };
  const note = (fields: object, text: string): void => void logged.push(`${text} ${JSON.stringify(fields)}`);
  const listener = await startSyslog({
    host: "127.0.0.1",
    port: 0,
    tls: { ...SERVER, ca: `${LAB.cert}${STRANGER.cert}`, maxVersion },
    institutionOf: (certificate) => institutionOfCertificate(certificate, DIRECTORY),
    take: through(take),
    limits,
    log: { info: note, warn: note },
  });
  return { listener, taken, logged };
}

function dial({ port }: SyslogListener, client: { key?: string; cert?: string } = LAB): TLSSocket {
  const socket = connect({ port, host: "127.0.0.1", ca: SERVER.cert, ...client });
  socket.on("error", () => {});
  // Nothing is answered; what is not read is never noticed to have ended.
  socket.resume();
  return socket;
}

async function until(is: () => boolean): Promise<void> {
  while (!is()) await sleep(5);
}

/** Resolves when the socket is closed, with an error or without. */
const closed = (socket: Socket): Promise<void> =>
  new Promise((resolve) => (socket.closed ? resolve() : socket.once("close", () => resolve())));
const framed = (...texts: string[]): Buffer => Buffer.concat(texts.map((text) => frame(Buffer.from(text))));

test("the client certificate names the institution, and nobody else is heard", async () => {
  const { listener, taken } = await listen();
  await using _ = listener;
  for (const client of [STRANGER, UNSIGNED, {}]) {
    const socket = dial(listener, client);
    socket.write(framed("hello"));
    await closed(socket);
  }
  const socket = dial(listener);
  socket.write(framed("1", "2"));
  await until(() => taken.length === 2);
  assert.deepEqual(taken, ["city-lab 1", "city-lab 2"]);
  assert.equal(listener.tallies.connectionsRefused.certificate, 1);
  socket.destroy();
});

test("a session that is resumed speaks for the same institution", async () => {
  const { listener, taken } = await listen(undefined, {}, "TLSv1.3");
  await using _ = listener;
  for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
    const options = { port: listener.port, host: "127.0.0.1", ca: SERVER.cert, ...LAB, maxVersion };
    const first = connect(options).on("error", () => {});
    const session = new Promise<Buffer>((resolve) => first.once("session", resolve));
    first.resume().write(framed(`${maxVersion} first`));
    const resumed = connect({ ...options, session: await session }).on("error", () => {});
    resumed.resume().write(framed(`${maxVersion} resumed`));
    await until(() => taken.includes(`city-lab ${maxVersion} resumed`));
    assert.equal(resumed.isSessionReused(), true);
    first.destroy();
    resumed.destroy();
  }
});

test("a sender that never reads, and closes at once, loses nothing of what it wrote", async () => {
  const { listener, taken } = await listen();
  await using _ = listener;
  const texts = Array.from({ length: 2_000 }, (_, i) => `${i} ${"x".repeat(500)}`);
  const options = { port: listener.port, host: "127.0.0.1", ca: SERVER.cert, ...LAB };
  const socket = connect(options, () => {
    assert.equal(socket.getProtocol(), "TLSv1.2");
    socket.write(framed(...texts), () => socket.destroy());
  });
  await closed(socket);
  await until(() => taken.length === texts.length);
  assert.equal(taken.at(-1), `city-lab ${texts.at(-1)}`);
});

test("a client without TLS is not served", async () => {
  const { listener, taken } = await listen();
  await using _ = listener;
  const socket = connectPlain(listener.port, "127.0.0.1", () => socket.write(framed("hello")));
  socket.on("error", () => {}).resume();
  await closed(socket);
  assert.deepEqual(taken, []);
  assert.equal(listener.connections, 0);
});

test("messages are taken in their order, however their bytes arrive", async () => {
  const { listener, taken } = await listen();
  await using _ = listener;
  const socket = dial(listener);
  socket.setNoDelay(true);
  for (const byte of framed("first", "second")) {
    socket.write(Uint8Array.of(byte));
    await sleep(1);
  }
  socket.write(framed("third", "fourth"));
  socket.end();
  await closed(socket);
  await until(() => taken.length === 4);
  assert.deepEqual(taken, ["city-lab first", "city-lab second", "city-lab third", "city-lab fourth"]);
});

for (const [what, bytes, reason] of [
  ["a length that never ends", "9".repeat(100_000), "too-large"],
  ["a length of a hundred megabytes", `100000000 ${"x".repeat(100_000)}`, "too-large"],
  ["a length over the cap by one", "1048577 x", "too-large"],
  ["no length", "<85>1 - - - - - - hello\n", "unframed"],
  ["a length that is too small", "3 hello", "unframed"],
] as const) {
  test(`${what} ends the connection, after what came before it is taken`, async () => {
    const { listener, taken } = await listen();
    await using _ = listener;
    const socket = dial(listener);
    socket.write(Buffer.concat([framed("good"), Buffer.from(bytes), framed("never read")]));
    await closed(socket);
    assert.equal(taken[0], "city-lab good");
    assert.ok(!taken.includes("city-lab never read"));
    assert.equal(listener.tallies.of("city-lab").closed[reason], 1);
    await until(() => listener.connections === 0);
  });
}

test("a hundred megabytes behind a fault are not read", async () => {
  const { listener } = await listen();
  await using _ = listener;
  const socket = dial(listener);
  socket.write("0");
  for (let i = 0; i < 100 && !socket.destroyed; i++) {
    const drained = new Promise<void>((resolve) => socket.once("drain", resolve));
    if (!socket.write(Buffer.alloc(1_048_576))) await Promise.race([drained, closed(socket)]);
  }
  await closed(socket);
  assert.ok(listener.tallies.of("city-lab").receivedBytes < 50_000_000);
});

test("a sender of single bytes is cut off when its message takes too long, one that pauses between messages is not", async () => {
  const { listener, taken } = await listen(undefined, { message_ms_max: 200 });
  await using _ = listener;
  const patient = dial(listener);
  patient.write(framed("1"));
  const slow = dial(listener);
  slow.write(framed("whole"));
  const drip = setInterval(() => slow.write("1"), 20);
  slow.write("900 ");
  await closed(slow);
  clearInterval(drip);
  patient.write(framed("2"));
  await until(() => taken.length === 3);
  assert.equal(listener.tallies.of("city-lab").closed["too-slow"], 1);
  patient.destroy();
});

test("a connection that ends inside a message is told of, and what was whole is taken", async () => {
  const { listener, taken, logged } = await listen();
  await using _ = listener;
  const socket = dial(listener);
  socket.end(Buffer.concat([framed("whole"), Buffer.from("10 half")]));
  await closed(socket);
  await until(() => listener.tallies.of("city-lab").closed.cut === 1);
  assert.deepEqual(taken, ["city-lab whole"]);
  assert.ok(!logged.join().includes("half"));
});

test("while storage takes nothing the peer is not read, and nothing is lost or doubled when it does again", async () => {
  let fails = true;
  const { listener, taken } = await listen(
    (take) => async (institution, messages) => {
      if (fails) throw new MedtraceError("STORAGE_FAILED", "no room");
      return take(institution, messages);
    },
    { retry_ms_max: 600_000, waitingBytesMax: 1_048_576 },
  );
  await using _ = listener;
  const socket = dial(listener);
  const texts = Array.from({ length: 300 }, (_, i) => `${i} ${"x".repeat(100_000)}`);
  for (const text of texts) socket.write(framed(text));
  await until(() => listener.tallies.of("city-lab").receivedBytes > 1_048_576);
  let before = -1;
  while (before !== listener.tallies.of("city-lab").receivedBytes) {
    before = listener.tallies.of("city-lab").receivedBytes;
    await sleep(300);
  }
  assert.ok(before < 4_000_000, `${before} bytes were read while none could be taken`);
  fails = false;
  await until(() => taken.length === texts.length);
  assert.deepEqual(
    taken,
    texts.map((text) => `city-lab ${text}`),
  );
  socket.destroy();
});

test("when storage takes nothing for too long the connection is closed", async () => {
  const { listener, taken } = await listen(
    () => async () => {
      throw new MedtraceError("STORAGE_FAILED", "no room");
    },
    { retry_ms_max: 200 },
  );
  await using _ = listener;
  const socket = dial(listener);
  socket.write(framed("1", "2"));
  await closed(socket);
  assert.deepEqual(taken, []);
  assert.equal(listener.tallies.of("city-lab").closed.failed, 1);
});

test("one message that cannot be read is refused by itself; nothing but such ends the connection", async () => {
  const { listener, taken } = await listen(
    (take) => async (institution, messages) => {
      await take(institution, messages);
      return messages.map((message) =>
        Buffer.from(message).toString().startsWith("good") ? undefined : new MedtraceError("INPUT_MALFORMED", "odd"),
      );
    },
    { refusedInRowMax: 3 },
  );
  await using _ = listener;
  const socket = dial(listener);
  for (const text of ["bad", "bad", "good 1", "bad", "bad", "good 2"]) socket.write(framed(text));
  await until(() => taken.length === 6);
  assert.equal(socket.closed, false);
  socket.write(framed("bad", "bad", "bad"));
  await closed(socket);
  const { messagesTaken, messagesRefused } = listener.tallies.of("city-lab");
  assert.deepEqual([messagesTaken, messagesRefused], [2, 7]);
});

test("when too much is held over all connections, the one that asks for more is closed", async () => {
  const { listener } = await listen(undefined, { heldBytesMax: 100_000 });
  await using _ = listener;
  const first = dial(listener);
  first.write(`90000 ${"x".repeat(80_000)}`);
  await until(() => listener.tallies.of("city-lab").receivedBytes > 80_000);
  const second = dial(listener);
  second.write(`90000 ${"x".repeat(80_000)}`);
  await closed(second);
  assert.equal(listener.tallies.of("city-lab").closed.busy, 1);
  assert.equal(first.closed, false);
  first.destroy();
});

test("closing takes every message that is whole, then ends the connections", async () => {
  const { listener, taken } = await listen((take) => async (institution, messages) => {
    await sleep(50);
    return take(institution, messages);
  });
  const socket = dial(listener);
  socket.write(Buffer.concat([framed("1", "2", "3"), Buffer.from("9 half")]));
  await until(() => listener.tallies.of("city-lab").receivedBytes > 0);
  await listener[Symbol.asyncDispose]();
  await closed(socket);
  assert.deepEqual(taken, ["city-lab 1", "city-lab 2", "city-lab 3"]);
  assert.equal(listener.connections, 0);
});
