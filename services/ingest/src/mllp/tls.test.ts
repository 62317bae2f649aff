import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { connect, type TLSSocket } from "node:tls";
import { hasCode } from "@medtrace/shared/errors";
import { createDirectory } from "@medtrace/shared/model/directory";
import { selfSigned } from "@medtrace/shared/testing/certificate";
import { ingestSettings } from "../config.ts";
import { frame } from "./framer.ts";
import { type MllpListener, startMllp } from "./server.ts";
import { institutionOfCertificate, loadMllpTls } from "./tls.ts";

const SERVER = selfSigned("medtrace");
const LAB = selfSigned("gateway.city-lab.example");
const BY_URI = selfSigned("a name of its own", ["urn:oid:1.2.3.1"]);
const STRANGER = selfSigned("stranger");
const UNSIGNED = selfSigned("gateway.city-lab.example");
const TRUSTED = [LAB, BY_URI, STRANGER];

const DIRECTORY = createDirectory({
  institutions: [
    { id: "north-hospital", aliases: ["urn:oid:1.2.3.1"] },
    { id: "city-lab", aliases: ["gateway.city-lab.example"] },
  ],
  sharedIdentifierSystems: [],
});

let folder = "";
const file = (name: string): string => join(folder, name);
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "medtrace-mllp-tls-"));
  await writeFile(file("cert.pem"), SERVER.cert);
  await writeFile(file("key.pem"), SERVER.key);
  await writeFile(file("clients.pem"), TRUSTED.map(({ cert }) => cert).join(""));
  await writeFile(file("other.txt"), "nothing of the kind");
});
after(() => rm(folder, { recursive: true, force: true }));

/** A listener that answers with the institution that it heard. */
async function listen(clientCa: string | undefined): Promise<MllpListener> {
  const tls = await loadMllpTls({ cert: file("cert.pem"), key: file("key.pem"), clientCa }, DIRECTORY);
  return startMllp({
    host: "127.0.0.1",
    port: 0,
    institution: "own-hospital",
    take: async (institution) => ({ replies: [Buffer.from(institution)] }),
    reject: () => new Uint8Array(),
    log: { info: () => {}, warn: () => {} },
    tls,
  });
}

function dial(port: number, client: { key?: string; cert?: string }): TLSSocket {
  const socket = connect({ port, host: "127.0.0.1", ca: SERVER.cert, ...client });
  socket.on("error", () => {});
  return socket;
}

async function heard(port: number, client: { key?: string; cert?: string }): Promise<Buffer> {
  const socket = dial(port, client);
  socket.write(frame(Buffer.from("hello")));
  const [answer] = (await once(socket, "data")) as [Buffer];
  socket.destroy();
  return answer;
}

test("with mutual TLS the client certificate names the institution, through the directory", async () => {
  await using listener = await listen(file("clients.pem"));
  assert.deepEqual(await heard(listener.port, LAB), Buffer.from(frame(Buffer.from("city-lab"))));
  assert.deepEqual(await heard(listener.port, BY_URI), Buffer.from(frame(Buffer.from("north-hospital"))));
});

test("a certificate of nobody's, of no authority, or none at all is not served", async () => {
  await using listener = await listen(file("clients.pem"));
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
  assert.equal(listener.tallies.connectionsRefused.certificate, 1);
  assert.equal(listener.connections, 0);
});

test("TLS without client certificates speaks for the listener's institution", async () => {
  await using listener = await listen(undefined);
  assert.deepEqual(await heard(listener.port, {}), Buffer.from(frame(Buffer.from("own-hospital"))));
});

test("a certificate's names go before its common name, and those of two institutions are nobody's", () => {
  const named = (subjectaltname: string, CN: string): string | undefined =>
    institutionOfCertificate({ subject: { CN } as never, subjectaltname }, DIRECTORY);
  assert.equal(named("DNS:GATEWAY.city-lab.example, IP Address:127.0.0.1", "north-hospital"), "city-lab");
  assert.equal(named("DNS:elsewhere.example", "north-hospital"), "north-hospital");
  assert.equal(named("URI:urn:oid:1.2.3.1, DNS:gateway.city-lab.example", "north-hospital"), undefined);
  assert.equal(named('URI:"x, DNS:city-lab", DNS:elsewhere.example', "stranger"), undefined);
  assert.equal(named("", "stranger"), undefined);
  assert.equal(institutionOfCertificate({} as never, DIRECTORY), undefined);
});

test("a file that is no certificate stops the start, and is named", async () => {
  for (const name of ["missing.pem", "other.txt"]) {
    await assert.rejects(
      loadMllpTls({ cert: file(name), key: file("key.pem"), clientCa: undefined }, DIRECTORY),
      (error: unknown) => hasCode(error, "CONFIGURATION") && error.at === `INGEST_MLLP_TLS_CERT=${file(name)}`,
    );
  }
});

test("half of what TLS needs is never taken for none of it", () => {
  for (const half of ["INGEST_MLLP_TLS_CERT", "INGEST_MLLP_TLS_KEY", "INGEST_MLLP_TLS_CLIENT_CA"]) {
    assert.throws(
      () => ingestSettings({ [half]: "x.pem" }),
      (error: unknown) => hasCode(error, "CONFIGURATION"),
    );
  }
  const { mllpTls } = ingestSettings({ INGEST_MLLP_TLS_CERT: "c.pem", INGEST_MLLP_TLS_KEY: "k.pem" });
  assert.deepEqual(mllpTls, { cert: "c.pem", key: "k.pem", clientCa: undefined });
});
