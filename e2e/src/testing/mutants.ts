/** Resources and messages that are nearly right: good ones with hostile values somewhere in them. */
import fc from "fast-check";

const LONG = "x".repeat(3_000);

/** What ends lines and frames would make another message. */
const FRAMING: ReadonlySet<string> = new Set(["\r", "\n", "\v", "\x1c"]);

/** Texts that programs stumble over. */
const TEXTS: readonly string[] = [
  ...Object.getOwnPropertyNames(Object.prototype),
  "",
  " ",
  "\u0000",
  "\ud800",
  "\udc00\ud800",
  "🜁".repeat(40),
  "e\u0301\u202e",
  LONG,
  "Patient/1",
  "Patient/../1",
  "Patient/1/_history/2",
  "#contained",
  "urn:uuid:0",
  "urn:oid:1.2.3",
  "https://example.org/fhir/Patient/1",
  "https://[broken",
  "http://",
  "//",
  "../../../etc/passwd",
  "' OR 1=1 --",
  '{"$gt":""}',
  "%00%zz",
  "0001-01-01T00:00:00Z",
  "9999-12-31T23:59:60+14:00",
  "2026-02-30T00:00:00Z",
  "2026-01-01",
  "-1",
  "0",
  "NaN",
];

const text = fc.oneof(fc.constantFrom(...TEXTS), fc.string({ unit: "binary", maxLength: 20 }));
const json = fc.oneof(
  { weight: 4, arbitrary: text },
  fc.constantFrom(
    null,
    true,
    false,
    0,
    -0,
    1e21,
    5e-324,
    [],
    {},
    [[]],
    [{}],
    [null],
    { reference: 7 },
    { coding: "x" },
  ),
  fc.constantFrom(
    { reference: "Patient/1" },
    { identifier: { system: "s", value: "v" } },
    { constructor: { name: 1 } },
  ),
  fc.constantFrom(
    { reference: "constructor/1" },
    { reference: LONG },
    { type: "toString", identifier: { value: "v" } },
  ),
  fc.jsonValue({ maxDepth: 3 }).map((value) => value as unknown),
);

type Tree = { [member: string]: unknown } | unknown[];

/** The places of all members in a value. */
function placesIn(value: unknown, path: readonly (string | number)[] = []): (string | number)[][] {
  if (typeof value !== "object" || value === null) return [];
  const members = Array.isArray(value) ? [...value.entries()] : Object.entries(value);
  return members.flatMap(([name, member]) => [[...path, name], ...placesIn(member, [...path, name])]);
}

function put(resource: Tree, path: readonly (string | number)[], value: unknown): void {
  let at = resource as Record<string, unknown>;
  for (const name of path.slice(0, -1)) {
    const next = at[name];
    if (typeof next !== "object" || next === null) return;
    at = next as Record<string, unknown>;
  }
  at[path.at(-1) ?? ""] = value;
}

/** `count` copies of these resources, each with one to three members replaced; the same for the same seed. */
export function mutantResources(resources: readonly object[], count: number, seed: number): unknown[] {
  const one = fc.constantFrom(...resources).chain((resource) => {
    const change = fc.tuple(fc.constantFrom(...placesIn(resource)), json);
    return fc.array(change, { minLength: 1, maxLength: 3 }).map((changes) => {
      const mutant = structuredClone(resource) as Tree;
      for (const [path, value] of changes) put(mutant, path, structuredClone(value));
      return mutant;
    });
  });
  return fc.sample(one, { numRuns: count, seed });
}

/** `count` HL7 v2 messages of these, each with one to three fields replaced and a control id of its own. */
export function mutantMessages(messages: readonly string[], count: number, seed: number): string[] {
  const value = fc.oneof(
    fc.constantFrom(...TEXTS).map((given) => [...given].filter((c) => !FRAMING.has(c)).join("")),
    fc.constantFrom(
      '""',
      "^^^",
      "&&&",
      "~~~",
      "\\",
      "\\X",
      "\\XZZ\\",
      "\\F\\\\S\\",
      "\\H\\x\\N\\",
      "1^^^A&1.2.3&ISO~2^^^B",
    ),
    fc.constantFrom("20260230", "99999999999999", "2026010112000+9999", "constructor^toString", "1".repeat(300)),
  );
  const change = fc.tuple(fc.nat(), fc.nat(), value);
  const one = fc.tuple(fc.constantFrom(...messages), fc.array(change, { minLength: 1, maxLength: 3 }));
  return fc.sample(one, { numRuns: count, seed }).map(([message, changes], n) => {
    const segments = message
      .split("\r")
      .filter(Boolean)
      .map((line) => line.split("|"));
    for (const [which, field, given] of changes) {
      const segment = segments[which % segments.length] ?? [];
      // Where messages begin, and how they are told apart, stays: those have tests of their own.
      const first = segment[0] === "MSH" ? 2 : 1;
      segment[first + (field % Math.max(1, segment.length - first))] = given;
    }
    const header = segments[0] ?? [];
    header[9] = `M${n}`;
    return `${segments.map((fields) => fields.join("|")).join("\r")}\r`;
  });
}
