/** An audit message by syslog over TLS, as the real program takes, anchors and proves it. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import { connect, type TLSSocket } from "node:tls";
import { selfSigned } from "@medtrace/shared/testing/certificate";
import { getJson, medtrace, settled, start, temporaryFolder, token } from "./testing/medtrace.ts";

const SERVER = selfSigned("medtrace");
const PACS = selfSigned("urn:medtrace:institution:hospital-b");
const STUDY = "1.2.840.113619.2.5.1762";

const AUDIT =
  "<85>1 2026-01-15T01:30:01Z pacs.example PACS 4242 DICOM+RFC3881 - \ufeff<AuditMessage>" +
  '<EventIdentification EventActionCode="R" EventDateTime="2026-01-15T01:30:00Z" EventOutcomeIndicator="0"><EventID csd-code="110103" codeSystemName="DCM"/></EventIdentification>' +
  '<ActiveParticipant UserID="e2e-radiologist" UserName="Erika Reader" UserIsRequestor="true" NetworkAccessPointID="192.0.2.7"/>' +
  '<AuditSourceIdentification AuditSourceID="pacs-1"/>' +
  `<ParticipantObjectIdentification ParticipantObjectID="${STUDY}" ParticipantObjectTypeCode="2"><ParticipantObjectIDTypeCode csd-code="110180"/></ParticipantObjectIdentification>` +
  '<ParticipantObjectIdentification ParticipantObjectID="E2E-PAT-77" ParticipantObjectTypeCode="1" ParticipantObjectTypeCodeRole="1"/>' +
  "</AuditMessage>";

test("a DICOM audit message by syslog over TLS is traced for the certificate's institution, and proven offline", async () => {
  await using folder = await temporaryFolder();
  const data = join(folder.path, "data");
  const file = async (name: string, text: string): Promise<string> => {
    const path = join(folder.path, name);
    await writeFile(path, text);
    return path;
  };
  await using running = await start(data, {
    INGEST_SYSLOG_PORT: "0",
    INGEST_SYSLOG_TLS_CERT: await file("cert.pem", SERVER.cert),
    INGEST_SYSLOG_TLS_KEY: await file("key.pem", SERVER.key),
    INGEST_SYSLOG_TLS_CLIENT_CA: await file("clients.pem", PACS.cert),
  });
  const content = Buffer.from(AUDIT);
  await sent(
    Number(running.places.syslog?.split(":").at(-1)),
    Buffer.concat([Buffer.from(`${content.length} `), content]),
  );

  const bearer = await token(data, "hospital-b", "trace/lineage.read");
  await settled(running, bearer, 1);
  const url = `${running.places.query}/v1/records/${encodeURIComponent(`urn:oid:${STUDY}`)}/accesses`;
  const { status, body } = await getJson(url, bearer);
  assert.equal(status, 200);
  const told = JSON.stringify(body);
  assert.ok(told.includes("hospital-b/Practitioner/e2e-radiologist"), told);
  for (const secret of ["E2E-PAT-77", "Erika", "192.0.2.7"]) assert.ok(!told.includes(secret), secret);

  const out = join(folder.path, "evidence.json");
  const env = { ...running.env, MEDTRACE_TOKEN: bearer };
  const made = await medtrace(["evidence", "--record", `urn:oid:${STUDY}`, "--out", out], env);
  assert.equal(made.code, 0, made.stderr);
  const proven = await medtrace(["verify", out]);
  assert.equal(proven.code, 0, proven.stdout + proven.stderr);
});

/** Sends the bytes and ends the connection; resolves when the listener has ended it too. */
async function sent(port: number, bytes: Buffer): Promise<void> {
  const socket: TLSSocket = connect({ port, host: "127.0.0.1", ca: SERVER.cert, ...PACS });
  await new Promise<void>((resolve, reject) => {
    socket.once("error", reject).once("close", () => resolve());
    socket.resume().end(bytes);
  });
}
