/** Credentials that are missing, worn out, forged or too weak: at every door, and nothing happens behind it. */
import assert from "node:assert/strict";
import { createPublicKey } from "node:crypto";
import { before, describe, test } from "node:test";
import { hmacSigned, type Issued, signed, strangersKey, takeApart, unsigned } from "../testing/forge.ts";
import { type Answer, auditEvent, refusal, send, type Target, withoutTrace } from "../testing/hostile.ts";

const WRITE = "trace/events.write";
const READ = "trace/lineage.read";
const HL7 = "MSH|^~\\&|A|B|C|D|20260101||ADT^A01|T1|P|2.5\rEVN|A01|20260101\rPID|1||1^^^A||X^Y\r";

let target: Target;
let issued: Issued;

/** Everything of ingest that takes events, with something that it would take. */
const DOORS: readonly (readonly [path: string, type: string, body: string])[] = [
  ["/fhir/AuditEvent", "application/fhir+json", JSON.stringify(auditEvent("t1"))],
  ["/fhir/Provenance", "application/fhir+json", JSON.stringify({ resourceType: "Provenance" })],
  ["/fhir", "application/fhir+json", JSON.stringify({ resourceType: "Bundle", type: "batch" })],
  ["/fhir/$ingest", "application/fhir+ndjson", JSON.stringify(auditEvent("t2"))],
  ["/hl7v2", "application/hl7-v2", HL7],
];

const QUERIES: readonly string[] = [
  "/v1/events/x",
  "/v1/events/x/evidence",
  "/v1/subjects/x/track",
  "/v1/records/x/accesses",
  "/v1/records/x/disclosures",
  "/v1/records/x/lineage",
  "/v1/agents/x/activity",
  "/v1/paths?from=a&to=b",
  "/v1/streams",
  "/v1/batches/x",
  "/v1/integrity",
  "/v1/feed",
];

async function atEveryDoor(authorization: string | undefined, check: (answer: Answer, path: string) => void) {
  const headers = authorization === undefined ? {} : { authorization };
  const { ingest, query } = target.running.places;
  await withoutTrace(target.running, async () => {
    for (const [path, type, body] of DOORS) {
      check(await send(`${ingest}${path}`, { headers: { ...headers, "content-type": type }, body }), path);
    }
    for (const path of QUERIES) check(await send(`${query}${path}`, { method: "GET", headers }), path);
    const lookup = { headers: { ...headers, "content-type": "application/json" }, body: "{}" };
    for (const path of ["/v1/subjects/lookup", "/v1/evidence"]) check(await send(`${query}${path}`, lookup), path);
  });
}

/** 401 with a challenge, in the form of the place, and no word of what the token holds. */
function isUnauthenticated(says: RegExp): (answer: Answer, path: string) => void {
  return (answer, path) => {
    assert.equal(answer.status, 401, `${path}: ${answer.text}`);
    assert.match(answer.headers["www-authenticate"] ?? "", /^Bearer\b/, path);
    assert.match(answer.text, says, path);
    assert.match(answer.text, /medtrace token|send Authorization/, "says what to do");
    assert.doesNotMatch(answer.text, /hospital-a|eyJ/, "repeats the token");
    if (path.startsWith("/fhir"))
      assert.equal((JSON.parse(answer.text) as { resourceType: string }).resourceType, "OperationOutcome");
  };
}

function bearer(made: string): string {
  return `Bearer ${made}`;
}

function swapped({ header, claims, key }: Issued): string {
  const [, , signature] = signed({ header, key }, claims).split(".");
  const [head, body] = signed({ header, key }, { ...claims, institution: "hospital-b" }).split(".");
  return `${head}.${body}.${signature}`;
}

/** Registers the tests of credentials. */
export function badTokens(given: () => Target): void {
  before(async () => {
    target = given();
    issued = await takeApart(target.data, target.token("hospital-a", `${WRITE} ${READ}`));
  });

  describe("a token that is not good is refused at every door: 401, with a challenge", () => {
    const now_s = Math.floor(Date.now() / 1_000);
    const pem = () => createPublicKey(issued.key).export({ type: "spki", format: "pem" }) as string;
    const forged: readonly [name: string, says: RegExp, authorization: () => string | undefined][] = [
      ["none at all", /no token was sent/, () => undefined],
      ["an empty one", /does not hold one bearer token/, () => "Bearer "],
      ["another scheme", /does not hold one bearer token/, () => "Basic aG9zcGl0YWwtYTpzZWNyZXQ="],
      ["one that is no token", /the token cannot be read|the token's algorithm/, () => "Bearer x.y.z"],
      ["one of a megabyte's header, as far as headers go", /too long/, () => `Bearer ${"a".repeat(12_000)}`],
      ["one that has expired", /has expired/, () => bearer(signed(issued, { ...issued.claims, exp: now_s - 60 }))],
      ["one without end", /when it expires/, () => bearer(signed(issued, { ...issued.claims, exp: undefined }))],
      [
        "one that is not valid yet",
        /not valid yet/,
        () => bearer(signed(issued, { ...issued.claims, nbf: now_s + 600 })),
      ],
      [
        "one for another audience",
        /another audience/,
        () => bearer(signed(issued, { ...issued.claims, aud: "other" })),
      ],
      ["one of another issuer", /another issuer/, () => bearer(signed(issued, { ...issued.claims, iss: "other" }))],
      [
        "one of no institution",
        /institution/,
        () => bearer(signed(issued, { ...issued.claims, institution: undefined })),
      ],
      [
        "one of a path for an institution",
        /institution/,
        () => bearer(signed(issued, { ...issued.claims, institution: "../hospital-a" })),
      ],
      ["HS256 with the public key as PEM", /algorithm/, () => bearer(hmacSigned(issued.header, issued.claims, pem()))],
      [
        "HS256 with the public key as JWK",
        /algorithm/,
        () => bearer(hmacSigned(issued.header, issued.claims, JSON.stringify(issued.jwks.keys[0]))),
      ],
      ["alg none", /algorithm/, () => bearer(unsigned(issued.header, issued.claims, "none"))],
      ["alg nOnE", /algorithm/, () => bearer(unsigned(issued.header, issued.claims, "nOnE"))],
      [
        "ES256 without a signature",
        /signature|cannot be read/,
        () => bearer(unsigned(issued.header, issued.claims, "ES256")),
      ],
      [
        "a stranger's key under the issuer's name",
        /signature/,
        () => bearer(signed({ ...issued, key: strangersKey() }, issued.claims)),
      ],
      ["other claims under a good signature", /signature/, () => bearer(swapped(issued))],
    ];
    for (const [name, says, authorization] of forged) {
      test(name, () => atEveryDoor(authorization(), isUnauthenticated(says)));
    }
  });

  test("a token without the scope is refused at every door that wants it: 403 that names the scope", async () => {
    const weak = bearer(signed(issued, { ...issued.claims, scope: "trace/unseal trace/events trace/lineage.read2" }));
    await atEveryDoor(weak, (answer, path) => {
      const scope = path.startsWith("/v1") ? READ : WRITE;
      assert.equal(answer.status, 403, `${path}: ${answer.text}`);
      assert.ok(answer.headers["www-authenticate"]?.includes(`error="insufficient_scope", scope="${scope}"`), path);
      assert.ok(answer.text.includes(`the token does not have the scope ${scope}`), path);
    });
  });

  test("reading does not allow writing, nor writing reading", async () => {
    const { ingest, query } = target.running.places;
    const reader = bearer(signed(issued, { ...issued.claims, scope: READ }));
    const [path, type, body] = DOORS[0] ?? ["", "", ""];
    const written = await withoutTrace(target.running, () =>
      send(`${ingest}${path}`, { headers: { authorization: reader, "content-type": type }, body }),
    );
    refusal(written, 403, "scope");
    const writer = bearer(signed(issued, { ...issued.claims, scope: WRITE }));
    assert.equal(
      (await send(`${query}/v1/streams`, { method: "GET", headers: { authorization: writer } })).status,
      403,
    );
    assert.equal(
      (await send(`${query}/v1/streams`, { method: "GET", headers: { authorization: reader } })).status,
      200,
    );
  });

  test("two Authorization headers are not read as one that is good", async () => {
    const good = bearer(signed(issued, issued.claims));
    for (const two of [
      [good, "Bearer x"],
      ["Bearer x", good],
      [good, good],
    ]) {
      const headers = two.flatMap((value) => ["authorization", value]);
      const answer = await send(`${target.running.places.query}/v1/streams`, { method: "GET", headers });
      assert.equal(answer.status, 401, answer.text);
    }
  });
}
