import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { connect } from "node:tls";
import { openEventLog } from "@medtrace/engines/event-log/open";
import { openKeyProvider } from "@medtrace/engines/key-provider/open";
import { openVault } from "@medtrace/engines/vault/open";
import { createLogger } from "@medtrace/service-kit/log";
import { hasCode } from "@medtrace/shared/errors";
import { rangeEntries } from "@medtrace/shared/log-range";
import { fromUtf8 } from "@medtrace/shared/model/bytes";
import type { TraceEvent } from "@medtrace/shared/model/trace-event";
import { selfSigned } from "@medtrace/shared/testing/certificate";
import { ingestSettings } from "../config.ts";
import { startIngest } from "../run.ts";
import { frame } from "./framer.ts";
import { auditMessage, PATIENT_NUMBER, syslog } from "./testing.ts";

const SERVER = selfSigned("medtrace");
const PACS = selfSigned("hospital-a");

let folder = "";
const environment = (): Record<string, string> => ({
  MEDTRACE_DATA: folder,
  INGEST_PORT: "0",
  INGEST_MLLP_PORT: "0",
  INGEST_SYSLOG_PORT: "0",
  INGEST_SYSLOG_TLS_CERT: join(folder, "cert.pem"),
  INGEST_SYSLOG_TLS_KEY: join(folder, "key.pem"),
  INGEST_SYSLOG_TLS_CLIENT_CA: join(folder, "clients.pem"),
});
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "medtrace-syslog-"));
  await writeFile(join(folder, "cert.pem"), SERVER.cert);
  await writeFile(join(folder, "key.pem"), SERVER.key);
  await writeFile(join(folder, "clients.pem"), PACS.cert);
});
after(() => rm(folder, { recursive: true, force: true }));

test("audit messages become sealed trace events of the certificate's institution, and metrics tell of them", async () => {
  const settings = ingestSettings(environment());
  const keys = await openKeyProvider(settings.engines.keysUrl);
  await using vault = await openVault(settings.engines.vaultUrl, keys);
  await using eventLog = await openEventLog(settings.engines.eventLogUrl);
  const log = createLogger({ name: "ingest", level: "silent" });
  await using ingest = await startIngest({ eventLog, vault, keys, settings, log });

  const metric = async (name: string): Promise<string | undefined> =>
    (await (await fetch(`${ingest.url}/metrics`)).text()).split("\n").find((line) => line.startsWith(`${name} `));
  const port = Number(ingest.syslog?.split(":").at(-1));
  const socket = connect({ port, host: "127.0.0.1", ca: SERVER.cert, ...PACS }).resume();
  const message = frame(syslog(auditMessage()));
  socket.write(Buffer.concat([message, frame(syslog("no audit message")), message]));
  while (!(await metric('medtrace_syslog_messages_taken_total{institution="hospital-a"}'))?.endsWith(" 2"))
    await sleep(20);
  for (const told of [
    'medtrace_syslog_connections{institution="hospital-a"} 1',
    'medtrace_syslog_messages_refused_total{institution="hospital-a"} 1',
    'medtrace_ingest_refused_total{institution="hospital-a",format="dicom-audit",code="INPUT_MALFORMED"} 1',
    'medtrace_ingest_events_total{institution="hospital-a",format="dicom-audit",outcome="accepted"} 1',
    'medtrace_ingest_events_total{institution="hospital-a",format="dicom-audit",outcome="duplicate"} 1',
  ]) {
    assert.equal(await metric(told.slice(0, told.lastIndexOf(" "))), told);
  }
  socket.destroy();

  const values: string[] = [];
  for (const { partition, first, end } of await eventLog.ranges()) {
    for await (const entries of rangeEntries(eventLog, partition, first, end)) {
      values.push(...entries.map(({ value }) => fromUtf8(value)));
    }
  }
  assert.equal(values.length, 1);
  const event = JSON.parse(values[0] ?? "") as TraceEvent;
  assert.equal(event.institution, "hospital-a");
  assert.equal(event.source.format, "dicom-audit");
  assert.equal(event.subjects.length, 1);
  for (const secret of [PATIENT_NUMBER, "Muster", "House"]) assert.ok(!values.join().includes(secret));
});

test("without certificates there is no syslog", async () => {
  const { syslog: off } = ingestSettings({ MEDTRACE_DATA: folder, INGEST_SYSLOG_PORT: "6514" });
  assert.equal(off, undefined);
});

test("part of what TLS needs is never taken for none of it, and a file that is not there is named", async () => {
  for (const name of ["INGEST_SYSLOG_TLS_CERT", "INGEST_SYSLOG_TLS_KEY", "INGEST_SYSLOG_TLS_CLIENT_CA"]) {
    assert.throws(
      () => ingestSettings({ ...environment(), [name]: "" }),
      (error: unknown) => hasCode(error, "CONFIGURATION"),
    );
    const settings = ingestSettings({ ...environment(), [name]: join(folder, "missing.pem") });
    const keys = await openKeyProvider(settings.engines.keysUrl);
    await using vault = await openVault(settings.engines.vaultUrl, keys);
    await using eventLog = await openEventLog(settings.engines.eventLogUrl);
    const log = createLogger({ name: "ingest", level: "silent" });
    await assert.rejects(
      startIngest({ eventLog, vault, keys, settings, log }),
      (error: unknown) => hasCode(error, "CONFIGURATION") && (error.at ?? "").startsWith(`${name}=`),
    );
  }
});
