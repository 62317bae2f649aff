import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { requireBearer } from "@medtrace/service-kit/bearer";
import { openIssuer } from "@medtrace/service-kit/issuer";
import { createLogger } from "@medtrace/service-kit/log";
import { createMetrics } from "@medtrace/service-kit/metrics";
import { createServer, listen } from "@medtrace/service-kit/server";
import { createTokenVerifier } from "@medtrace/service-kit/token";
import { authSettings } from "@medtrace/shared/config";
import { MedtraceError } from "@medtrace/shared/errors";
import { sample } from "@medtrace/verifier/testing/ledger";
import { run } from "../testing/terminal.ts";
import { addEvidence } from "./evidence.ts";
import { addTrace } from "./trace.ts";
import { addVerify } from "./verify.ts";

const folder = await mkdtemp(join(tmpdir(), "medtrace-query-"));
const log = createLogger({ name: "test", level: "silent" });
const app = await createServer({ name: "query", log, metrics: createMetrics(), ready: async () => [] });
let env: Record<string, string> = {};
const asked: string[] = [];
const RECORD = "https://example.org/fhir/Report/1?a=b#c";
const read = { config: { scope: "trace/lineage.read" } } as const;

before(async () => {
  const auth = authSettings({ MEDTRACE_DATA: folder });
  await openIssuer({ data: folder, ...auth });
  requireBearer(app, createTokenVerifier(auth));
  app.get<{ Params: { id: string }; Querystring: { format?: string } }>(
    "/v1/records/:id/lineage",
    read,
    async (request) => {
      asked.push(`${request.caller.institution} ${request.params.id} ${new URL(request.url, "http://x").search}`);
      if (request.params.id !== RECORD) throw new MedtraceError("NOT_FOUND", "nothing");
      if (request.query.format === "prov-n") return "document\nendDocument";
      return {
        record: RECORD,
        height: 3,
        ledgerHeight: 3,
        lag: 0,
        truncated: [],
        nodes: [],
        edges: [],
        activities: [],
      };
    },
  );
  app.get("/v1/records/:id/accesses", read, async () => ({ events: [], height: 3, ledgerHeight: 3, lag: 0 }));
  app.post("/v1/evidence", read, async (request) => {
    asked.push(JSON.stringify(request.body));
    return { format: "medtrace-evidence/1", events: [{}, {}], batches: [{}], ledger: {} };
  });
  env = { MEDTRACE_DATA: folder, QUERY_URL: await listen(app, { host: "127.0.0.1", port: 0 }) };
});
after(async () => {
  await app.close();
  await rm(folder, { recursive: true });
});

const medtrace = (...args: string[]) => run(args, [addTrace, addEvidence, addVerify], env);

describe("medtrace trace", () => {
  test("asks for a record by whatever id it has, and shows it", async () => {
    const { code, out } = await medtrace(
      "trace",
      RECORD,
      "--direction",
      "up",
      "--depth",
      "7",
      "--institution",
      "lab-c",
    );
    assert.equal(code, 0);
    assert.equal(asked.at(-1), `lab-c ${RECORD} ?direction=up&depth=7`);
    assert.match(out, /^https:\/\/example\.org.*\n\nMade from\n {2}nothing/);
  });

  test("gives JSON and PROV as they are", async () => {
    const both = JSON.parse((await medtrace("trace", RECORD, "--json")).out) as {
      lineage: { record: string };
      accesses: object;
    };
    assert.equal(both.lineage.record, RECORD);
    assert.equal((await medtrace("trace", RECORD, "--format", "prov-n")).out, "document\nendDocument\n");
  });

  test("ends with 1 for a record that is not known, with 2 for wrong usage", async () => {
    const { code, err } = await medtrace("trace", "unknown");
    assert.equal(code, 1);
    assert.match(err, /knows of no such thing — check the id, and that hospital-a may know of it/);
    assert.equal((await medtrace("trace", RECORD, "--direction", "sideways")).code, 2);
    assert.equal((await medtrace("trace", RECORD, "--depth", "0")).code, 2);
    assert.equal((await medtrace("trace")).code, 2);
  });
});

describe("medtrace evidence", () => {
  test("writes the file whole and says what is in it", async () => {
    const out = join(folder, "out", "..", "e.json");
    const ran = await medtrace("evidence", "--record", RECORD, "--from", "2026-01-01T00:00:00Z", "--out", out);
    assert.deepEqual([ran.code, ran.out], [0, `${out}: 2 events in 1 batch\n`]);
    assert.deepEqual(JSON.parse(asked.at(-1) ?? ""), { record: RECORD, from: "2026-01-01T00:00:00Z" });
    assert.equal(JSON.parse(await readFile(out, "utf8")).format, "medtrace-evidence/1");
    assert.ok(!(await readdir(folder)).some((name) => name.endsWith(".draft")));
  });

  test("takes several events, one record or one subject, and nothing between", async () => {
    const out = join(folder, "f.json");
    assert.equal((await medtrace("evidence", "--event", "a", "b", "--event", "c", "--out", out)).code, 0);
    assert.deepEqual(JSON.parse(asked.at(-1) ?? ""), { events: ["a", "b", "c"] });
    for (const args of [[], ["--record", "r", "--subject", "s"]]) {
      const { code, err } = await medtrace("evidence", ...args, "--out", join(folder, "none.json"));
      assert.equal(code, 2);
      assert.match(err, /one of --event, --record, --subject and --feed/);
    }
    assert.ok(!existsSync(join(folder, "none.json")));
  });
});

describe("medtrace verify", () => {
  test("proven ends with 0, refuted with 1, and without a trusted key that was asked for with 2", async () => {
    const { evidence } = sample();
    const path = join(folder, "evidence.json");
    const text = JSON.stringify(evidence);
    await writeFile(path, text);
    const proven = await medtrace("verify", path);
    assert.equal(proven.code, 0);
    assert.match(proven.out, /^PROVEN/);
    assert.equal((await medtrace("verify", path, "--trust", evidence.ledger.key, "--require-trust")).code, 0);
    await writeFile(join(folder, "trusted"), `# the ledger\n${evidence.ledger.key}\n`);
    assert.equal((await medtrace("verify", path, "--trust", join(folder, "trusted"), "--require-trust")).code, 0);
    assert.equal((await medtrace("verify", path, "--require-trust")).code, 2);
    await writeFile(path, text.replace("hospital-a", "hospital-b"));
    const refuted = await medtrace("verify", path);
    assert.equal(refuted.code, 1);
    assert.match(refuted.out, /^REFUTED[\s\S]*Why\n/);
  });

  test("cannot tell of what is not evidence, or not there", async () => {
    const path = join(folder, "not.json");
    await writeFile(path, "{}");
    const { code, out } = await medtrace("verify", path, "--json");
    assert.equal(code, 2);
    assert.equal(JSON.parse(out).verdict, "cannot-tell");
    assert.equal((await medtrace("verify", join(folder, "missing"))).code, 2);
    assert.equal((await medtrace("verify", path, "--trust", join(folder, "missing"))).code, 2);
    await writeFile(join(folder, "no-keys"), "# no key\n\n");
    assert.match((await medtrace("verify", path, "--trust", join(folder, "no-keys"))).err, /holds no key/);
  });
});
