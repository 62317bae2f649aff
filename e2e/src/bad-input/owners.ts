/** What is another institution's is not there: not by its id, not by a cursor, not by scopes in company. */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import type { Target } from "../testing/hostile.ts";
import { getJson } from "../testing/medtrace.ts";
import { type Asked, isRefused, LIST, part, READ, startAsked } from "./asked.ts";

let asked: Asked;

const paths = (event: string, record: string, agent: string, subject: string): string[] => [
  `/v1/events/${event}`,
  `/v1/events/${event}/evidence`,
  `/v1/records/${part(record)}/accesses`,
  `/v1/records/${part(record)}/disclosures`,
  `/v1/records/${part(record)}/lineage`,
  `/v1/agents/${part(agent)}/activity`,
  `/v1/subjects/${subject}/track`,
  `/v1/paths?from=${part(record)}&to=${part(record)}`,
];

/** Registers the tests of whose events are asked for. */
export function otherOwners(given: () => Target): void {
  before(async () => {
    asked = await startAsked(given());
  });

  test("an id of another institution's is answered as one of nobody's, in every byte", async () => {
    const lookedUp = await asked.ask("/v1/subjects/lookup", asked.a, { body: '{"reference":"Patient/q1"}' });
    const subject = (JSON.parse(lookedUp.text) as { token: string }).token;
    const theirs = paths(asked.id, "hospital-a/Observation/shared", "hospital-a/Practitioner/p1", subject);
    const nobodys = paths(
      "0".repeat(64),
      "hospital-a/Observation/none",
      "hospital-a/Practitioner/none",
      "A".repeat(22),
    );
    for (const [i, path] of theirs.entries()) {
      assert.equal((await asked.ask(path)).status, 200, path);
      const hidden = await asked.ask(path, asked.b);
      const absent = await asked.ask(nobodys[i] ?? "", asked.b);
      assert.deepEqual([hidden.status, hidden.text], [404, absent.text], path);
    }
    for (const body of [{ events: [asked.id] }, { record: "hospital-a/Observation/shared" }, { subject }]) {
      assert.equal((await asked.ask("/v1/evidence", asked.b, { body: JSON.stringify(body) })).status, 404);
    }
    for (const reference of ["Patient/q1", "hospital-a/Patient/q1", `urn:medtrace:subject:${subject}`]) {
      const answer = await asked.ask("/v1/subjects/lookup", asked.b, { body: JSON.stringify({ reference }) });
      assert.ok([404, 422].includes(answer.status), answer.text);
    }
  });

  test("ids that would be paths, queries or code are ids of nobody's", async () => {
    const ids = [
      "../../etc/passwd",
      "..\\..\\x",
      "a\0b",
      "' OR 1=1 --",
      '{"$gt":""}',
      "%",
      "*",
      "\ud83d",
      "constructor",
    ];
    for (const hostile of ids) {
      for (const path of paths(
        part(hostile.toWellFormed()),
        hostile.toWellFormed(),
        hostile.toWellFormed(),
        part(hostile.toWellFormed()),
      )) {
        const { status, text } = await asked.ask(path);
        assert.equal(status, 404, `${path}: ${text}`);
      }
    }
    for (const batch of [
      "x",
      "..:..:0",
      "PlatformMSP:events-0:-1",
      "PlatformMSP:events-0:1e3",
      "a:b:99999999999999999999",
    ]) {
      assert.equal((await asked.ask(`/v1/batches/${part(batch)}`)).status, 404, batch);
    }
    for (const path of [
      "/docs/static/../../../package.json",
      "/docs/static/..%2f..%2fpackage.json",
      "/%2e%2e/package.json",
    ]) {
      const { status, text } = await asked.ask(path);
      assert.ok(status === 404 || status === 400, `${path}: ${status}`);
      assert.doesNotMatch(text, /"name"|dependencies/);
    }
  });

  test("a cursor goes on for the caller and the query that it was given for, and for no other", async () => {
    const { body } = await getJson(`${asked.query}${LIST}?limit=1`, asked.a);
    const cursor = body["nextCursor"] as string;
    assert.equal((await asked.ask(`${LIST}?limit=1&cursor=${cursor}`)).status, 200);
    isRefused(await asked.ask(`${LIST}?limit=1&cursor=${cursor}&order=oldest-first`), 422, "cursor");
    const agent = `/v1/agents/${part("hospital-a/Practitioner/p1")}/activity`;
    isRefused(await asked.ask(`${agent}?cursor=${cursor}`), 422, "cursor");
    assert.equal((await asked.ask(`${LIST}?cursor=${cursor}`, asked.b)).status, 404);
    const supervisor = asked.target.token("platform", `${READ} trace/supervise`);
    isRefused(await asked.ask(`${LIST}?cursor=${cursor}`, supervisor), 422, "cursor");
    for (let at = 0; at < cursor.length; at += 5) {
      const altered = cursor.slice(0, at) + (cursor[at] === "A" ? "B" : "A") + cursor.slice(at + 1);
      isRefused(await asked.ask(`${LIST}?cursor=${altered}`), 422, "cursor");
    }
  });

  test("each scope gives what it says, and no more in company", async () => {
    const path = `/v1/events/${asked.id}`;
    const as = async (institution: string, scope: string) => asked.target.token(institution, scope);
    assert.equal(
      (await asked.ask(path, await as("hospital-a", "trace/supervise trace/unseal trace/admin"))).status,
      403,
    );
    assert.equal((await asked.ask(path, await as("hospital-b", `${READ} trace/unseal trace/admin`))).status, 404);
    const supervisor = await as("hospital-b", `${READ} trace/supervise trace/unseal`);
    assert.equal((await asked.ask(path, supervisor)).status, 200);
    assert.equal(
      (await asked.ask(`${path}?unseal=true`, supervisor)).status,
      403,
      "sealed parts are the institution's own",
    );
    assert.equal((await asked.ask(`${path}?unseal=true`)).status, 403);
    assert.equal((await asked.ask(`${path}?unseal=true`, await as("hospital-a", `${READ} trace/unseal`))).status, 200);
  });
}
