import assert from "node:assert/strict";
import test from "node:test";
import { B, type Sample, SUPERVISOR, startStack } from "./testing/stack.ts";

const enc = encodeURIComponent;
const rec = (id: string, role: "generated" | "source" | "used" | "revised" | "quotation") =>
  ({ id: `hospital-a/Document/${id}`, type: "DocumentReference", role }) as const;

/** image -> report (disclosed to B) -> letter, written at B (disclosed to A) -> copy, B's own. */
const STORY: readonly Sample[] = [
  { name: "report", kind: "create", records: [rec("image", "source"), rec("report", "generated")] },
  { name: "give", kind: "disclose", recipients: ["hospital-b"], records: [rec("report", "used")] },
  {
    name: "letter",
    kind: "create",
    institution: "hospital-b",
    recipients: ["hospital-a"],
    records: [rec("report", "quotation"), rec("letter", "generated")],
    agents: [{ id: "hospital-b/Practitioner/9", kind: "person", roles: ["AUT"], onBehalfOf: "hospital-b" }],
  },
  {
    name: "copy",
    kind: "create",
    institution: "hospital-b",
    records: [rec("letter", "source"), rec("copy", "generated")],
  },
];

const lineage = (id: string, query = ""): string => `/v1/records/${enc(`hospital-a/Document/${id}`)}/lineage${query}`;
const short = (id: string): string => id.replace("hospital-a/Document/", "");
// biome-ignore lint/suspicious/noExplicitAny: answers are looked into
const nodesOf = (body: any): string[] => body.nodes.map(({ id, depth }: any) => `${depth} ${short(id)}`).sort();
// biome-ignore lint/suspicious/noExplicitAny: answers are looked into
const edgesOf = (body: any): string[] => body.edges.map((e: any) => `${short(e.from)}>${short(e.to)}`).sort();

test("lineage walks the story both ways, and each edge names the event that proves it", async () => {
  await using stack = await startStack();
  const ids = await stack.publish(...STORY);
  const { body } = await stack.get(lineage("report"), SUPERVISOR);
  assert.deepEqual(nodesOf(body), ["0 report", "1 image", "1 letter", "2 copy"]);
  assert.deepEqual(edgesOf(body), ["image>report", "letter>copy", "report>letter"]);
  assert.deepEqual(
    body.edges.flatMap((edge: { events: string[] }) => edge.events).sort(),
    [ids[0], ids[2], ids[3]].sort(),
  );
  assert.deepEqual(body.activities.map((event: { id: string }) => event.id).sort(), ids.toSorted());
  assert.deepEqual(
    body.agents.map(({ id, kind }: { id: string; kind: string }) => [id, kind]),
    [
      ["hospital-b/Practitioner/9", "person"],
      ["hospital-b", "unknown"],
    ],
  );
  assert.deepEqual([body.truncated, body.integrityFailures, body.height], [[], 0, 1]);
  const up = await stack.get(lineage("copy", "?direction=up&depth=2"), SUPERVISOR);
  assert.deepEqual(nodesOf(up.body), ["0 copy", "1 letter", "2 report"]);
  assert.deepEqual(up.body.truncated, ["depth"]);
});

test("every hop is in scope: each institution walks only edges that its own events or those given to it show", async () => {
  await using stack = await startStack();
  await stack.publish(...STORY);
  const own = await stack.get(lineage("report"));
  assert.deepEqual(nodesOf(own.body), ["0 report", "1 image", "1 letter"]);
  const other = await stack.get(lineage("report"), B);
  assert.deepEqual(nodesOf(other.body), ["0 report", "1 letter", "2 copy"]);
  assert.equal((await stack.get(lineage("image"), B)).status, 404);
  assert.equal((await stack.get(lineage("copy"))).status, 404);
});

test("a path leads from a record to what was made of it, and not back", async () => {
  await using stack = await startStack();
  await stack.publish(...STORY);
  const path = (from: string, to: string): string =>
    `/v1/paths?from=${enc(`hospital-a/Document/${from}`)}&to=${enc(`hospital-a/Document/${to}`)}`;
  const { body } = await stack.get(path("image", "copy"), SUPERVISOR);
  assert.deepEqual([body.found, body.nodes.map(short)], [true, ["image", "report", "letter", "copy"]]);
  const back = await stack.get(path("copy", "image"), SUPERVISOR);
  assert.deepEqual([back.body.found, back.body.nodes], [false, []]);
  assert.equal((await stack.get(path("image", "copy"))).status, 404);
});

test("lineage as of an earlier height, and within a period, leaves out what came later", async () => {
  await using stack = await startStack();
  const [first, , third] = STORY as [Sample, Sample, Sample];
  await stack.publish({ ...first, when: "2026-03-01T08:00:00Z" });
  await stack.publish({ ...third, when: "2026-03-02T08:00:00Z" });
  assert.deepEqual(nodesOf((await stack.get(lineage("report"))).body).length, 3);
  assert.deepEqual(nodesOf((await stack.get(lineage("report", "?asOf=1"))).body), ["0 report", "1 image"]);
  assert.deepEqual(nodesOf((await stack.get(lineage("report", "?to=2026-03-02T00:00:00Z"))).body), [
    "0 report",
    "1 image",
  ]);
});

test("the same lineage is given as PROV in four forms, by parameter or by Accept", async () => {
  await using stack = await startStack();
  await stack.publish(...STORY);
  const json = await stack.get(lineage("report", "?format=prov-json"));
  assert.match(json.headers.get("content-type") ?? "", /^application\/prov\+json/);
  assert.equal(json.headers.get("medtrace-height"), "1");
  assert.equal(json.headers.get("vary"), "accept");
  assert.equal(json.headers.get("medtrace-integrity-failures"), "0");
  const document = JSON.parse(json.text);
  assert.deepEqual(
    Object.keys(document.entity)
      .filter((id) => id.startsWith("local:"))
      .map((id) => id.replace("local:hospital-a/Document/", ""))
      .sort(),
    ["image", "letter", "report"],
  );
  const derived = Object.values(document.wasDerivedFrom) as Record<string, unknown>[];
  assert.equal(derived.length, 2);
  assert.deepEqual(derived[1]?.["prov:type"], { $: "prov:Quotation", type: "prov:QUALIFIED_NAME" });
  assert.equal((await stack.get(lineage("report", "?format=prov-json&asOf=2"))).status, 422);
  const text = await stack.get(lineage("report", "?format=prov-n"));
  assert.match(text.text, /^document\n[\s\S]*wasGeneratedBy\(local:hospital-a\/Document\/report[\s\S]*endDocument\n$/);
  const rdf = await stack.get(lineage("report", "?format=turtle"));
  assert.match(rdf.text, /prov:wasQuotedFrom <urn:medtrace:local:hospital-a\/Document\/report>/);
  const linked = await stack.get(lineage("report", "?format=json-ld"));
  assert.ok(linked.text.includes('"http://www.w3.org/ns/prov#wasQuotedFrom"'));
  const headers = { authorization: `Bearer ${await stack.token({ institution: "hospital-a" })}` };
  const accept = async (type: string): Promise<[number, string | null]> => {
    const answer = await fetch(`${stack.url}${lineage("report")}`, { headers: { ...headers, accept: type } });
    return [answer.status, answer.headers.get("content-type")];
  };
  assert.deepEqual(await accept("text/provenance-notation"), [200, "text/provenance-notation; charset=utf-8"]);
  assert.deepEqual((await accept("text/turtle"))[1], "text/turtle; charset=utf-8");
  assert.deepEqual((await accept("text/html, */*;q=0.1"))[1], "application/json; charset=utf-8");
  assert.equal((await accept("image/png"))[0], 406);
});

test("a PROV document tells of itself what it answers and how far it goes", async () => {
  await using stack = await startStack();
  await stack.publish(...STORY);
  const { text, headers } = await stack.get(lineage("report", "?format=prov-json&depth=1"), SUPERVISOR);
  const entities = Object.values(JSON.parse(text).entity) as Record<string, unknown>[];
  const answer = entities.find((entity) => entity["mt:about"] !== undefined);
  assert.deepEqual(answer, {
    "prov:type": { $: "mt:Answer", type: "prov:QUALIFIED_NAME" },
    "mt:about": "hospital-a/Document/report",
    "mt:height": { $: "1", type: "xsd:nonNegativeInteger" },
    "mt:ledgerHeight": { $: "1", type: "xsd:nonNegativeInteger" },
    "mt:truncated": "depth",
  });
  assert.deepEqual([headers.get("medtrace-truncated"), headers.get("medtrace-violations")], ["depth", "0"]);
});

test("what each institution attests is a bundle of its own, with the anchored batch that holds it", async () => {
  await using stack = await startStack();
  await stack.publish(...STORY);
  const { text } = await stack.get(lineage("report", "?format=prov-json&bundles=institution"), SUPERVISOR);
  const document = JSON.parse(text);
  const bundles = Object.keys(document.bundle);
  assert.deepEqual(bundles.map((name) => name.split("/")[0]).sort(), ["account:hospital-a", "account:hospital-b"]);
  const attributed = Object.values(document.wasAttributedTo) as Record<string, string>[];
  assert.deepEqual(attributed.map((one) => one["prov:agent"]).sort(), ["local:hospital-a", "local:hospital-b"]);
  const [batch] = Object.entries(document.entity).filter(([name]) => name.startsWith("batch:"));
  const described = batch?.[1] as Record<string, { $: string }>;
  assert.match(String(described["mt:root"]), /^[0-9a-f]{64}$/);
  assert.equal(described["mt:block"]?.$, "0");
  const turtle = await stack.get(lineage("report", "?format=turtle&bundles=institution"), SUPERVISOR);
  assert.equal(turtle.status, 406);
  const trig = await stack.get(lineage("report", "?format=trig&bundles=institution"), SUPERVISOR);
  assert.match(trig.text, /<urn:medtrace:account:hospital-b\/[0-9a-f]{64}> \{\n/);
});

test("source data that contradicts itself is served as it is, and the contradiction beside it", async () => {
  await using stack = await startStack();
  const [report, , letter] = STORY as [Sample, Sample, Sample];
  await stack.publish({ ...report, when: "2026-03-02T08:00:00Z" }, { ...letter, when: "2026-03-01T08:00:00Z" });
  const { body } = await stack.get(lineage("report"), SUPERVISOR);
  assert.deepEqual(edgesOf(body), ["image>report", "report>letter"]);
  assert.deepEqual([body.constraints.valid, body.constraints.violations], [true, []]);
  const clocks: { constraint: string; names: string[] }[] = body.constraints.clocks;
  assert.ok(clocks.every(({ constraint }) => constraint === "clock-order"));
  assert.ok(clocks.some(({ names }) => names.includes("urn:medtrace:local:hospital-a/Document/report")));
  const prov = await stack.get(lineage("report", "?format=prov-n"), SUPERVISOR);
  assert.match(prov.text, /mt:violation="clock-order: the \w+ of 2026-03-02T08:00:00.000Z must not come after/);
  assert.notEqual(prov.headers.get("medtrace-violations"), "0");
});

test("answers about a record link to its provenance, and a record is found by its IRI", async () => {
  await using stack = await startStack();
  await stack.publish(...STORY);
  const iri = "urn:medtrace:local:hospital-a/Document/report";
  const { headers } = await stack.get(lineage("report"));
  const links = headers.get("link") ?? "";
  assert.ok(
    links.includes(
      `</v1/records/${enc(iri)}/lineage>; rel="http://www.w3.org/ns/prov#has_provenance"; anchor="${iri}"`,
    ),
  );
  assert.ok(links.includes(`<${iri}>; rel="http://www.w3.org/ns/prov#has_anchor"`));
  const [, service = ""] = /<([^>]+)>; rel="http:\/\/www.w3.org\/ns\/prov#has_query_service"/.exec(links) ?? [];
  assert.match((await stack.get(service)).text, /prov:provenanceUriTemplate "\/v1\/records\/\{uri\}\/lineage/);
  const byIri = await stack.get(`/v1/records/${enc(iri)}/lineage`);
  assert.deepEqual(nodesOf(byIri.body), nodesOf((await stack.get(lineage("report"))).body));
  const accesses = await stack.get(`/v1/records/${enc("hospital-a/Document/report")}/accesses`);
  assert.ok(accesses.headers.get("link")?.includes(`rel="http://www.w3.org/ns/prov#has_provenance"; anchor="${iri}"`));
  const patient = await stack.get(`/v1/records/${enc("hospital-a/Patient/1")}/lineage`, SUPERVISOR);
  assert.equal(patient.headers.get("link"), null);
  const other = await stack.get(lineage("nowhere"));
  assert.deepEqual([other.status, other.headers.get("link")], [404, null]);
});
