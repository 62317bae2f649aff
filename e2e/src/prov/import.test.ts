/** Provenance that a platform has already, as the real program takes it, anchors it and gives it back. */
import assert from "node:assert/strict";
import { join } from "node:path";
import test from "node:test";
import { provDocument } from "@medtrace/shared/model/prov/from-events";
import { provJson } from "@medtrace/shared/model/prov/json";
import { readProvJson } from "@medtrace/shared/model/prov/json-read";
import { idOfIri, type QualifiedName } from "@medtrace/shared/model/prov/names";
import { STORY_RECORDS, story } from "@medtrace/shared/testing/story";
import { settled, start, temporaryFolder, token } from "../testing/medtrace.ts";

test("a story that comes as PROV-JSON is traced from its leak back to its specimen, and the same derivations are given back", async () => {
  await using folder = await temporaryFolder();
  const data = join(folder.path, "data");
  await using running = await start(data);
  const sent = provDocument(story());
  const posted = await fetch(`${running.places.ingest}/prov`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${await token(data, "hospital-a", "trace/events.write")}`,
      "content-type": "application/prov+json",
    },
    body: JSON.stringify(provJson(sent)),
  });
  assert.equal(posted.status, 200, await posted.clone().text());
  const { events } = (await posted.json()) as { events: readonly { status: string }[] };
  assert.deepEqual(new Set(events.map(({ status }) => status)), new Set(["accepted"]));

  const bearer = await token(data, "hospital-a", "trace/lineage.read");
  await settled(running, bearer, events.length);
  const lineage = `${running.places.query}/v1/records/${encodeURIComponent(STORY_RECORDS.export)}/lineage`;
  const answer = await fetch(`${lineage}?direction=up&depth=9`, {
    headers: { authorization: `Bearer ${bearer}`, accept: "application/prov+json" },
  });
  assert.equal(answer.status, 200);
  assert.deepEqual([answer.headers.get("medtrace-violations"), answer.headers.get("medtrace-truncated")], ["0", ""]);
  const given = readProvJson(await answer.json());
  const local = (name: QualifiedName | string | undefined): string =>
    typeof name === "object" ? idOfIri(`${given.namespaces.get(name.prefix)}${name.local}`) : "";
  const derived = given.relations.flatMap(({ kind, arguments: [to, from] }) =>
    kind === "wasDerivedFrom" ? [`${local(from)} > ${local(to)}`] : [],
  );
  assert.deepEqual(
    derived.sort(),
    [
      `${STORY_RECORDS.letter} > ${STORY_RECORDS.export}`,
      `${STORY_RECORDS.observation} > ${STORY_RECORDS.report}`,
      `${STORY_RECORDS.report} > ${STORY_RECORDS.letter}`,
      `${STORY_RECORDS.specimen} > ${STORY_RECORDS.observation}`,
    ].sort(),
  );
});
