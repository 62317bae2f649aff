import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { MedtraceError } from "../../errors.ts";
import { story } from "../../testing/story.ts";
import { provDocument } from "./from-events.ts";
import { provJson } from "./json.ts";
import { PROV_JSON_LIMITS, readProvJson } from "./json-read.ts";
import { provN } from "./prov-n.ts";

const read = (json: object): string => provN(readProvJson(json));

test("what is written is read back as it was, as one account and in bundles", () => {
  for (const bundles of ["none", "institution"] as const) {
    const document = provDocument(story(), { bundles });
    const again = readProvJson(JSON.parse(JSON.stringify(provJson(document))));
    const sorted = (text: string): string[] => text.split("\n").sort();
    assert.deepEqual(sorted(provN(again)), sorted(provN(document)));
  }
});

test("values of every kind are read: plain, typed, in a language, names, numbers, lists", () => {
  const text = read({
    prefix: { ex: "http://example.org/", default: "http://default.example/" },
    entity: {
      "ex:e": {
        "ex:plain": "a",
        "ex:typed": { $: "12", type: "xsd:int" },
        "ex:text": { $: "b", type: "xsd:string" },
        "ex:tagged": { $: "guérison", lang: "fr-CA" },
        "ex:name": { $: "ex:other", type: "prov:QUALIFIED_NAME" },
        "ex:qname": { $: "prov:Person", type: "xsd:QName" },
        "ex:number": 7,
        "ex:fraction": 1.5,
        "ex:truth": true,
        "ex:list": ["x", { $: 3, type: "xsd:int" }],
      },
      local: {},
    },
  });
  for (const expected of [
    'ex:plain="a"',
    'ex:typed="12" %% xsd:int',
    'ex:text="b"',
    'ex:tagged="guérison"@fr-CA',
    "ex:name='ex:other'",
    "ex:qname='prov:Person'",
    'ex:number="7" %% xsd:integer',
    'ex:fraction="1.5" %% xsd:double',
    'ex:truth="true" %% xsd:boolean',
    'ex:list="x", ex:list="3" %% xsd:int',
    "entity(default:local)",
  ]) {
    assert.ok(text.includes(expected), expected);
  }
});

test("names with signs of PROV-N are escaped when they are written there", () => {
  const text = read({ prefix: { ex: "http://example.org/" }, entity: { "ex:a(b)=c,d;e:[f]'g'.": {}, "ex:-x": {} } });
  assert.ok(text.includes("entity(ex:a\\(b\\)\\=c\\,d\\;e\\:\\[f\\]\\'g\\'\\.)"));
  assert.ok(text.includes("entity(ex:\\-x)"));
});

test("relations keep their names, blank ones have none, and a membership of several is several", () => {
  const text = read({
    prefix: { ex: "http://example.org/" },
    used: {
      "ex:u": { "prov:activity": "ex:a", "prov:time": "2026-03-01T08:00:00+01:00" },
      "_:b": { "prov:activity": "ex:a" },
    },
    hadMember: { "_:m": { "prov:collection": "ex:c", "prov:entity": ["ex:e1", { $: "ex:e2", type: "xsd:QName" }] } },
    wasGeneratedBy: { "ex:g": [{ "prov:entity": "ex:e1" }, { "prov:entity": "ex:e2", "prov:activity": "ex:a" }] },
  });
  assert.ok(text.includes("used(ex:u; ex:a, -, 2026-03-01T08:00:00+01:00)"));
  assert.ok(text.includes("used(ex:a, -, -)"));
  assert.ok(text.includes("hadMember(ex:c, ex:e1)\n  hadMember(ex:c, ex:e2)"));
  assert.ok(text.includes("wasGeneratedBy(ex:g; ex:e1, -, -)\n  wasGeneratedBy(ex:g; ex:e2, ex:a, -)"));
});

test("a bundle's own prefixes hold within it, and mean one thing in the document", () => {
  const text = read({
    prefix: { ex: "http://one.example/" },
    entity: { "ex:e": {} },
    bundle: { "ex:b": { prefix: { ex: "http://two.example/" }, entity: { "ex:e": {} } } },
  });
  assert.ok(text.includes("prefix ex <http://one.example/>"));
  assert.ok(text.includes("prefix ex_1 <http://two.example/>"));
  assert.ok(text.includes("  entity(ex:e)\n"));
  assert.ok(text.includes("    entity(ex_1:e)\n"));
});

test("what is not PROV-JSON is refused at its place, and nothing of it is repeated", () => {
  const secret = "anna-muster";
  const prefix = { ex: "http://example.org/" };
  const cases: readonly (readonly [unknown, string, string])[] = [
    [[], "$", "INPUT_INVALID"],
    [{ prefix: { "e x": "http://example.org/" } }, "prefix[0]", "INPUT_INVALID"],
    [{ prefix: { ex: 3 } }, "prefix[0]", "INPUT_INVALID"],
    [{ prefix: { prov: `http://${secret}/` } }, "prefix[0]", "INPUT_INVALID"],
    [{ entity: { [`ex:${secret}`]: {} } }, "entity[0]", "INPUT_INVALID"],
    [{ prefix, entity: { "_:b": {} } }, "entity[0]", "INPUT_INVALID"],
    [{ prefix, entity: { "ex:a b": {} } }, "entity[0]", "INPUT_INVALID"],
    [{ prefix, entity: { "ex:e": 3 } }, "entity[0]", "INPUT_INVALID"],
    [{ prefix, entity: { "ex:e": { "ex:x": { $: {} } } } }, "entity[0].*[0]", "INPUT_INVALID"],
    [
      { prefix, entity: { "ex:e": { "ex:x": { $: secret, lang: "not a language" } } } },
      "entity[0].*[0]",
      "INPUT_INVALID",
    ],
    [{ prefix, entity: { "ex:e": { "ex:x": "\ud800" } } }, "entity[0].*[0]", "INPUT_INVALID"],
    [{ prefix, used: { "_:u": {} } }, "used[0].prov:activity", "INPUT_INVALID"],
    [
      { prefix, used: { "_:u": { "prov:activity": "ex:a", "prov:time": "2026-02-30T08:00:00Z" } } },
      "used[0].prov:time",
      "INPUT_INVALID",
    ],
    [{ prefix, activity: { "ex:a": { "prov:startTime": secret } } }, "activity[0].prov:startTime", "INPUT_INVALID"],
    [{ prefix, mentionOf: { "_:m": {} } }, "*", "INPUT_UNSUPPORTED"],
    [{ prefix, [secret]: {} }, "*", "INPUT_UNSUPPORTED"],
    [
      { prefix, alternateOf: { "ex:x": { "prov:alternate1": "ex:a", "prov:alternate2": "ex:b" } } },
      "alternateOf[0]",
      "INPUT_UNSUPPORTED",
    ],
    [{ prefix, bundle: { "ex:b": { bundle: {} } } }, "bundle[0].*", "INPUT_UNSUPPORTED"],
    [{ prefix, bundle: { "ex:b": { entity: { [secret]: {} } } } }, "bundle[0].entity[0]", "INPUT_INVALID"],
  ];
  for (const [json, at, code] of cases) {
    assert.throws(
      () => readProvJson(json),
      (error: unknown) => {
        assert.ok(error instanceof MedtraceError, String(error));
        assert.deepEqual([error.at, error.code], [at, code]);
        assert.ok(!`${error.message} ${error.at} ${error.hint}`.includes(secret));
        return true;
      },
    );
  }
});

test("more than the limits is refused", () => {
  const prefix = { ex: "http://example.org/" };
  const many = (count: number): object => Object.fromEntries(Array.from({ length: count }, (_, i) => [`ex:${i}`, {}]));
  const tooLarge = { code: "INPUT_TOO_LARGE" };
  assert.throws(() => readProvJson({ prefix, entity: many(PROV_JSON_LIMITS.statementsMax + 1) }), tooLarge);
  assert.throws(() => readProvJson({ prefix, bundle: many(PROV_JSON_LIMITS.bundlesMax + 1) }), tooLarge);
  const values = Array.from({ length: PROV_JSON_LIMITS.valuesMax + 1 }, () => "x");
  assert.throws(() => readProvJson({ prefix, entity: { "ex:e": { "ex:x": values } } }), tooLarge);
  const prefixes = Array.from({ length: 1_001 }, (_, i) => [`p${i}`, `http://example.org/${i}/`]);
  assert.throws(() => readProvJson({ prefix: Object.fromEntries(prefixes) }), tooLarge);
});

test("any JSON value is read or refused", () => {
  const kind = fc.constantFrom(
    "prefix",
    "entity",
    "activity",
    "agent",
    "used",
    "wasDerivedFrom",
    "hadMember",
    "bundle",
    "x",
  );
  const name = fc.constantFrom("ex:a", "_:b", "prov:type", "prov:activity", "prov:entity", "$", "ex", "toString");
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: "small" },
      fc.jsonValue({ maxDepth: 1 }),
      fc.constantFrom("ex:a", "ex:b"),
      tie("object"),
    ),
    object: fc.dictionary(name, tie("value"), { maxKeys: 3 }),
  }));
  const document = fc.dictionary(kind, fc.dictionary(name, value, { maxKeys: 3 }), { maxKeys: 4 });
  fc.assert(
    fc.property(fc.oneof(document, fc.jsonValue()), (json) => {
      try {
        provN(readProvJson(json));
      } catch (error) {
        assert.ok(error instanceof MedtraceError, String(error));
      }
    }),
  );
});
