import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import test from "node:test";
import { medtrace, temporaryFolder } from "./testing/medtrace.ts";

test("a port that is taken ends the start, whichever it is, and says so", async () => {
  await using folder = await temporaryFolder();
  const other = createServer().listen(0, "127.0.0.1");
  await once(other, "listening");
  await using _other = { [Symbol.asyncDispose]: async () => void other.close() };
  const taken = String((other.address() as AddressInfo).port);
  const ports = ["INGEST_PORT", "INGEST_MLLP_PORT", "LEDGER_WRITER_PORT", "QUERY_PORT"];
  for (const name of ports) {
    const free = Object.fromEntries(ports.map((one) => [one, one === name ? taken : "0"]));
    const { code, stderr } = await medtrace(["start"], { MEDTRACE_DATA: join(folder.path, "data"), ...free });
    assert.equal(code, 2, `${name}: ${stderr}`);
    assert.match(stderr, new RegExp(`something else listens there \\(127\\.0\\.0\\.1:${taken}\\)`), name);
  }
});
