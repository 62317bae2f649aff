/** Bad input of every kind, at every door of a running medtrace: clear errors, and nothing half done. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { badBundles } from "./bad-input/bundles.ts";
import { badFhir } from "./bad-input/fhir.ts";
import { badFrames } from "./bad-input/frames.ts";
import { badHl7 } from "./bad-input/hl7.ts";
import { mutants } from "./bad-input/mutants.ts";
import { otherOwners } from "./bad-input/owners.ts";
import { badQueries } from "./bad-input/queries.ts";
import { badTokens } from "./bad-input/tokens.ts";
import { eventsTaken, holdsExactly, startTarget, type Target } from "./testing/hostile.ts";
import { getJson, settled } from "./testing/medtrace.ts";

let target: Target;
before(async () => {
  target = await startTarget();
});
after(() => target[Symbol.asyncDispose]());

const given = (): Target => target;
describe("FHIR resources", () => badFhir(given));
describe("FHIR in batches", () => badBundles(given));
describe("HL7 v2 messages", () => badHl7(given));
describe("MLLP frames", () => badFrames(given));
describe("tokens", () => badTokens(given));
describe("queries", () => badQueries(given));
describe("other institutions' data", () => otherOwners(given));
describe("hostile values", () => mutants(given));

test("after all of that the log holds what was acknowledged and nothing else, and nothing is found amiss", async () => {
  const { running } = target;
  const events = await eventsTaken(running);
  const bearer = target.token("platform", "trace/lineage.read trace/supervise");
  await settled(running, bearer, events);
  const { body } = await getJson(`${running.places.query}/v1/integrity`, bearer);
  assert.deepEqual([body["incidents"], body["serving"]], [[], { integrityFailures: 0, recent: [] }]);
  await holdsExactly(running, events);
});
