/** That nothing was sent is proven as what was sent is: by a statement on the ledger, checked offline. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import test from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { getJson, medtrace, start, temporaryFolder, token } from "./testing/medtrace.ts";

interface ToldFeed {
  readonly feed: string;
  readonly messages: number;
  readonly covered: readonly (readonly [string, string])[];
  readonly uncovered: readonly unknown[];
  readonly runs: readonly object[];
  readonly isSilent: boolean;
  readonly statements: readonly string[];
}

const LAB = "LAB|HOSPA";
const EHR = "EHR|HOSPA";
const message = (number: number): string =>
  `\x0b${[`MSH|^~\\&|EHR|HOSPA|TRACE||20260115023000||ADT^A01|f${number}|P|2.5|${number}`, "PID|1||4711^^^HOSPA"].join("\r")}\r\x1c\r`;

test("a gap in a feed, and a time without any message, are told and proven offline", async () => {
  await using folder = await temporaryFolder();
  const data = join(folder.path, "data");
  const expected = join(folder.path, "feeds.json");
  const feeds = [{ institution: "hospital-a", entry: "mllp", system: LAB, silence_s_max: 1 }];
  await writeFile(expected, JSON.stringify({ feeds }));
  await using running = await start(data, { INGEST_FEEDS: expected, INGEST_FEED_STATEMENT_S: "1" });
  const [host = "", port = ""] = running.places.mllp.split(":");
  const socket = connect(Number(port), host).resume();
  for (const number of [1, 2, 4]) socket.write(message(number));

  const bearer = await token(data, "hospital-a", "trace/lineage.read");
  const told = async (system: string): Promise<ToldFeed | undefined> => {
    const { body } = await getJson(`${running.places.query}/v1/feeds`, bearer);
    const id = `hospital-a/Feed/mllp/${encodeURIComponent(system)}`;
    return (body["feeds"] as ToldFeed[] | undefined)?.find(({ feed }) => feed === id);
  };
  let ehr = await told(EHR);
  for (; ehr?.messages !== 3; ehr = await told(EHR)) await sleep(100);
  assert.deepEqual(ehr.runs, [{ first: 1, last: 4, missing: [[3, 3]], missingCount: 1, cut: false }]);
  let lab = await told(LAB);
  for (; (lab?.statements.length ?? 0) < 3; lab = await told(LAB)) await sleep(100);
  socket.destroy();
  assert.ok(lab !== undefined);
  assert.deepEqual([lab.messages, lab.isSilent, lab.covered.length, lab.uncovered], [0, true, 1, []]);

  const stranger = await token(data, "hospital-b", "trace/lineage.read");
  assert.deepEqual((await getJson(`${running.places.query}/v1/feeds`, stranger)).body["feeds"], []);

  const out = join(folder.path, "silence.json");
  const [[from, to] = []] = lab.covered;
  const period = ["--from", from ?? "", "--to", to ?? ""];
  const env = { ...running.env, MEDTRACE_TOKEN: bearer };
  const made = await medtrace(["evidence", "--feed", lab.feed, ...period, "--out", out], env);
  assert.equal(made.code, 0, made.stderr);
  const proven = await medtrace(["verify", out]);
  assert.equal(proven.code, 0, proven.stdout + proven.stderr);
  const stated = proven.stdout.match(/it took no message; the last one before the end: none/g);
  assert.equal(stated?.length, lab.statements.length, proven.stdout);
  assert.ok(proven.stdout.includes(`feed ${LAB} by mllp`), proven.stdout);
});
