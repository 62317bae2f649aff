/** The whole path on a Fabric network of its own: from a hospital's messages to evidence that outlives the network. */
import assert from "node:assert/strict";
import { cp, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import { OwnNetwork } from "@medtrace/engines/ledger/fabric/testing/own-network";
import { realEngine } from "@medtrace/engines/testing/real-engines";
import { medtrace, settled, start, temporaryFolder, token } from "./testing/medtrace.ts";
import { sample } from "./testing/sample.ts";

const OWNER = "HospitalAMSP";

test("evidence by medtrace on Fabric is proven by CAs alone, after an institution joined, and when the network is gone", async (t) => {
  if (realEngine("ledger") === undefined) return;
  await using folder = await temporaryFolder();
  const [before, after, cas, trust] = ["before.json", "after.json", "cas", "trust.json"].map((name) =>
    join(folder.path, name),
  ) as [string, string, string, string];
  const traffic = await sample(join(folder.path, "traffic"), 4);
  const record = /"reference":"(DiagnosticReport\/[^"]+)"/;
  const { 1: name = "" } =
    record.exec(await readFile(join(traffic.folder, "hospital-a", "events.ndjson"), "utf8")) ?? [];
  {
    await using network = await OwnNetwork.start();
    const { identities, tlsCa } = network.settings;
    await keepCas(identities, cas);
    const fabric = {
      LEDGER_URL: network.url,
      LEDGER_OWNER: OWNER,
      FABRIC_IDENTITIES: identities,
      FABRIC_TLS_CA: tlsCa,
    };
    const data = join(folder.path, "data");
    await using running = await start(data, fabric);
    const env = { ...running.env, ...fabric };
    assert.equal((await medtrace(["publish", traffic.folder, "--json"], env)).code, 0);
    await settled(running, await token(data, "hospital-a", "trace/lineage.read trace/supervise"), 200);
    const ask = async (file: string): Promise<void> => {
      const made = await medtrace(["evidence", "--record", `hospital-a/${name}`, "--out", file], env);
      assert.equal(made.code, 0, made.stderr);
      t.diagnostic(made.stdout.trim().replace(folder.path, ""));
    };
    await ask(before);
    await network.run("add-institution.sh", "hospital-c");
    await ask(after);
    await using ledger = await network.open(OWNER);
    await writeFile(trust, await ledger.trustAnchor());
  }
  const verify = async (file: string, ...given: string[]): Promise<string> => {
    const { code, stdout, stderr } = await medtrace(["verify", file, ...given]);
    return `${code} ${(stdout + stderr).split("\n")[0]}`;
  };
  assert.equal(await verify(before, "--trust", cas), "0 PROVEN: every check passed");
  assert.equal(await verify(after, "--trust", trust), "0 PROVEN: every check passed");
  assert.match(await verify(before, "--trust", trust), /^2 CANNOT TELL/, "others may have been there when it was read");
  assert.match(await verify(before), /^2 CANNOT TELL/);
  assert.match(await verify(before, "--trust", `${OWNER}=${join(cas, OWNER)}`), /^2 CANNOT TELL/);
  const text = await readFile(before, "utf8");
  await writeFile(before, text.replace('\\"success\\"', '\\"major-failure\\"'));
  assert.match(await verify(before, "--trust", cas), /^1 REFUTED/);
});

/** What organisations give out: their CAs' certificates, in their MSP folders. */
async function keepCas(identities: string, folder: string): Promise<void> {
  for (const name of await readdir(identities)) {
    await cp(join(identities, name, "cacerts"), join(folder, name, "cacerts"), { recursive: true });
  }
}
