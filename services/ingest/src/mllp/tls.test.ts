import assert from "node:assert/strict";
import { once } from "node:events";
import test from "node:test";
import { connect, type TLSSocket } from "node:tls";
import { frame } from "./framer.ts";
import { type MllpListener, startMllp } from "./server.ts";
import { selfSigned } from "./testing.ts";

const SERVER = selfSigned("medtrace");
const LAB = selfSigned("city-lab");
const STRANGER = selfSigned("stranger");
const UNSIGNED = selfSigned("city-lab");

/** A listener that answers with the institution that it heard; one of TLS clients that the authorities signed. */
function listen(): Promise<MllpListener> {
  return startMllp({
    host: "127.0.0.1",
    port: 0,
    institution: "north-hospital",
    take: async (institution) => ({ reply: Buffer.from(institution) }),
    reject: () => new Uint8Array(),
    log: { info: () => {}, warn: () => {} },
    tls: {
      options: { ...SERVER, ca: [LAB.cert, STRANGER.cert], requestCert: true, rejectUnauthorized: true },
      institutionOf: ({ subject }) => (subject.CN === "city-lab" ? "city-lab" : undefined),
    },
  });
}

function dial(port: number, client: { key?: string; cert?: string }): TLSSocket {
  const socket = connect({ port, host: "127.0.0.1", ca: SERVER.cert, ...client });
  socket.on("error", () => {});
  return socket;
}

test("with mutual TLS the client certificate names the institution", async () => {
  await using listener = await listen();
  const socket = dial(listener.port, LAB);
  socket.write(frame(Buffer.from("hello")));
  const [answer] = (await once(socket, "data")) as [Buffer];
  assert.deepEqual(answer, frame(Buffer.from("city-lab")));
  socket.destroy();
});

test("a certificate of nobody's, of no authority, or none at all is not served", async () => {
  await using listener = await listen();
  for (const client of [STRANGER, UNSIGNED, {}]) {
    const socket = dial(listener.port, client);
    let answered = false;
    socket.on("data", () => {
      answered = true;
    });
    socket.write(frame(Buffer.from("hello")));
    await new Promise((resolve) => socket.once("close", resolve));
    assert.equal(answered, false);
  }
});
