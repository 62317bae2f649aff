/** Contract of Projection: finding and counting events. */
import { strict as assert } from "node:assert";
import { it } from "node:test";
import { invalid, type ProjectionHarness, withProjection } from "./projection.contract.kit.ts";
import { blockOf, randomEvent, type SampleEvent, sampleBatch, sampleId, sampleRandom } from "./projection.fixtures.ts";
import { type EventFilter, type Facet, PROJECTION_LIMITS, type Projection } from "./projection.ts";

const RECORD: Facet = { kind: "record", value: "hospital-a/Observation/1" };
const ALL = { facets: [], order: "oldest-first", limit: 100 } as const;

export function findContract(harness: ProjectionHarness): void {
  const names = async (projection: Projection, filter: Partial<EventFilter>): Promise<string[]> => {
    const { events } = await projection.find({ ...ALL, ...filter });
    return events.map((event) => known.get(event.id) ?? event.id);
  };
  const known = new Map(Array.from({ length: 100 }, (_, i) => [sampleId(`e${i}`), `e${i}`]));
  const apply = (projection: Projection, ...samples: SampleEvent[]): Promise<void> =>
    projection.apply(blockOf(0, sampleBatch("log-0", 0, samples)));

  it("finds an event by every facet, and by none that it has not", () =>
    withProjection(harness, async (projection) => {
      const kinds = ["record", "agent", "subject", "recipient", "system"] as const;
      await apply(projection, ...kinds.map((kind, i) => ({ name: `e${i}`, facets: [{ kind, value: "the same" }] })));
      for (const [i, kind] of kinds.entries()) {
        assert.deepEqual(await names(projection, { facets: [{ kind, value: "the same" }] }), [`e${i}`]);
        assert.deepEqual(await names(projection, { facets: [{ kind, value: "another" }] }), []);
      }
    }));

  it("finds an event once, however many of the facets it has", () =>
    withProjection(harness, async (projection) => {
      const other: Facet = { kind: "agent", value: "a" };
      await apply(projection, { name: "e0", facets: [RECORD, other, RECORD] }, { name: "e1", facets: [other] });
      assert.deepEqual(await names(projection, { facets: [RECORD, other, other] }), ["e0", "e1"]);
      assert.equal(await projection.count({ facets: [RECORD, other] }, 100), 2);
    }));

  it("orders by time, then by application, either way", () =>
    withProjection(harness, async (projection) => {
      const at = "2026-01-01T00:00:00.001Z";
      await apply(projection, { name: "e0", at }, { name: "e1" }, { name: "e2", at }, { name: "e3" });
      assert.deepEqual(await names(projection, {}), ["e1", "e3", "e0", "e2"]);
      assert.deepEqual(await names(projection, { order: "newest-first" }), ["e2", "e0", "e3", "e1"]);
    }));

  it("gives what is new in order of application, whatever its time", () =>
    withProjection(harness, async (projection) => {
      const at = "1999-01-01T00:00:00.000Z";
      await apply(projection, { name: "e0" }, { name: "e1", at });
      await projection.apply(blockOf(1, sampleBatch("log-0", 1, [{ name: "e0" }, { name: "e2", at }])));
      const from = async (seq: number, limit: number): Promise<(string | undefined)[]> =>
        (await projection.applied(seq, limit)).map(({ id }) => known.get(id));
      assert.deepEqual(await from(0, 100), ["e0", "e1", "e2"]);
      assert.deepEqual(await from(1, 1), ["e1"]);
      assert.deepEqual(await from(3, 100), []);
      await assert.rejects(projection.applied(0, PROJECTION_LIMITS.pageMax + 1), invalid);
    }));

  it("takes the beginning of a period and leaves its end", () =>
    withProjection(harness, async (projection) => {
      const at = (i: number): string => `2026-01-01T00:00:00.00${i}Z`;
      await apply(projection, ...[0, 1, 2, 3].map((i) => ({ name: `e${i}`, at: at(i) })));
      assert.deepEqual(await names(projection, { from: at(1), to: at(3) }), ["e1", "e2"]);
      assert.deepEqual(await names(projection, { from: at(1), to: at(3), order: "newest-first" }), ["e2", "e1"]);
      assert.deepEqual(await names(projection, { from: "2026-01-01T00:00:00Z", to: at(1) }), ["e0"]);
      assert.deepEqual(await names(projection, { from: at(3), to: at(1) }), []);
      assert.equal(await projection.count({ facets: [], from: at(1) }, 100), 3);
    }));

  it("orders times before 1970 and far ahead", () =>
    withProjection(harness, async (projection) => {
      const times = ["2026-01-01T00:00:00.000Z", "1890-05-05T00:00:00.000Z", "9999-12-31T23:59:59.999Z"];
      await apply(projection, ...times.map((at, i) => ({ name: `e${i}`, at })));
      assert.deepEqual(await names(projection, {}), ["e1", "e0", "e2"]);
    }));

  it("shows a viewer what it produced and what it received, and nothing else", () =>
    withProjection(harness, async (projection) => {
      await apply(
        projection,
        { name: "e0", institution: "a", facets: [RECORD] },
        { name: "e1", institution: "b", facets: [RECORD] },
        { name: "e2", institution: "b", recipients: ["c", "a"], facets: [RECORD] },
        { name: "e3", institution: "a", recipients: ["a", "b"], facets: [RECORD] },
      );
      for (const facets of [[RECORD], []]) {
        assert.deepEqual(await names(projection, { facets, viewer: "a" }), ["e0", "e2", "e3"]);
        assert.deepEqual(await names(projection, { facets, viewer: "b" }), ["e1", "e2", "e3"]);
        assert.deepEqual(await names(projection, { facets, viewer: "c" }), ["e2"]);
        assert.deepEqual(await names(projection, { facets, viewer: "d" }), []);
        assert.deepEqual(await names(projection, { facets, viewer: "" }), []);
        assert.deepEqual(await names(projection, { facets }), ["e0", "e1", "e2", "e3"]);
        assert.equal(await projection.count({ facets, viewer: "a" }, 100), 3);
        assert.equal(await projection.count({ facets, viewer: "d" }, 100), 0);
        assert.equal(await projection.count({ facets }, 100), 4);
      }
    }));

  it("counts no further than asked", () =>
    withProjection(harness, async (projection) => {
      await apply(projection, ...Array.from({ length: 9 }, (_, i) => ({ name: `e${i}`, facets: [RECORD] })));
      const agents: Facet[] = [{ kind: "agent", value: "none" }, RECORD];
      assert.equal(await projection.count({ facets: agents }, 9), 9);
      assert.equal(await projection.count({ facets: agents }, 8), 8);
      assert.equal(await projection.count({ facets: agents }, 10), 9);
    }));

  it("says whether more would follow, exactly", () =>
    withProjection(harness, async (projection) => {
      await apply(projection, { name: "e0" }, { name: "e1" }, { name: "e2" });
      assert.equal((await projection.find({ ...ALL, limit: 2 })).more, true);
      assert.equal((await projection.find({ ...ALL, limit: 3 })).more, false);
      assert.equal((await projection.find({ ...ALL, limit: 4 })).more, false);
    }));

  it("answers as of a block", () =>
    withProjection(harness, async (projection) => {
      for (const number of [0, 1, 2]) {
        await projection.apply(blockOf(2 * number, sampleBatch("log-0", number, [{ name: `e${number}` }])));
        await projection.apply(blockOf(2 * number + 1));
      }
      assert.deepEqual(await names(projection, { blockMax: 0 }), ["e0"]);
      assert.deepEqual(await names(projection, { blockMax: 3, order: "newest-first" }), ["e1", "e0"]);
      assert.deepEqual(await names(projection, { blockMax: 99 }), ["e0", "e1", "e2"]);
      assert.deepEqual(await names(projection, { blockMax: -1 }), []);
      assert.equal(await projection.count({ facets: [], blockMax: 2 }, 100), 2);
    }));

  it("pages through every event once while blocks are applied that sort before, between and after", () =>
    withProjection(harness, async (projection) => {
      const random = sampleRandom(1);
      const batch = (number: number): SampleEvent[] =>
        Array.from({ length: 20 }, (_, i) => randomEvent(random, `page ${number} ${i}`));
      for (const order of ["oldest-first", "newest-first"] as const) {
        await projection.reset();
        await projection.apply(blockOf(0, sampleBatch("log-0", 0, batch(0))));
        const first = new Set((await projection.find({ ...ALL, order })).events.map((event) => event.id));
        assert.equal(first.size, 20);
        const seen: string[] = [];
        let after: { at: string; seq: number } | undefined;
        for (let number = 1; ; number++) {
          const page = await projection.find({ ...ALL, order, limit: 3, ...(after === undefined ? {} : { after }) });
          seen.push(...page.events.map((event) => event.id));
          after = page.events.at(-1);
          if (!page.more || after === undefined) break;
          if (number < 5) await projection.apply(blockOf(number, sampleBatch("log-0", number, batch(number))));
        }
        assert.equal(new Set(seen).size, seen.length);
        assert.deepEqual(new Set(seen.filter((id) => first.has(id))), first);
      }
    }));

  it("finds what a plain search over all events finds, for many filters", () =>
    withProjection(harness, async (projection) => {
      const random = sampleRandom(7);
      const model: Modelled[] = [];
      for (let number = 0; number < 6; number++) {
        const samples = Array.from({ length: 40 }, (_, i) => randomEvent(random, `event ${number} ${i}`));
        await projection.apply(blockOf(number, sampleBatch("log-0", number, samples)));
        for (const sample of samples) model.push({ sample, block: number, seq: model.length });
      }
      for (let i = 0; i < 300; i++) {
        const filter = randomFilter(random);
        const expected = search(model, filter);
        const page = await projection.find(filter);
        const shown = JSON.stringify(filter);
        assert.deepEqual(
          page.events.map((event) => event.seq),
          expected.slice(0, filter.limit).map(({ seq }) => seq),
          shown,
        );
        assert.equal(page.more, expected.length > filter.limit, shown);
        const { order: _, after: __, limit: ___, ...selection } = filter;
        const all = search(model, { ...selection, order: "oldest-first", limit: 1 });
        assert.equal(await projection.count(selection, 30), Math.min(30, all.length), shown);
      }
    }));

  it("pages over a thousand facets, by many institutions or one, as over few", () =>
    withProjection(harness, async (projection) => {
      const facet = (i: number): Facet => ({ kind: "record", value: `record ${i}` });
      const samples = Array.from({ length: 1_500 }, (_, i) => ({
        name: `event ${i}`,
        institution: `hospital-${i % 6}`,
        recipients: i % 3 === 0 ? ["hospital-0"] : [],
        at: new Date(Date.UTC(2026, 0, 1) + ((i * 7) % 500) * 1_000).toISOString(),
        facets: [facet((i * 31) % 1_200), facet((i * 17) % 1_200)],
      }));
      await apply(projection, ...samples);
      const facets = Array.from({ length: 1_000 }, (_, i) => facet(i));
      const model = samples.map((sample, seq) => ({ sample, block: 0, seq }));
      for (const viewer of [undefined, "hospital-0"]) {
        for (const order of ["oldest-first", "newest-first"] as const) {
          const selection = { facets, order, ...(viewer === undefined ? {} : { viewer }) };
          const seen: number[] = [];
          for (let after: { at: string; seq: number } | undefined; ; ) {
            const page = await projection.find({ ...selection, limit: 400, ...(after === undefined ? {} : { after }) });
            seen.push(...page.events.map(({ seq }) => seq));
            after = page.events.at(-1);
            if (!page.more) break;
          }
          assert.deepEqual(
            seen,
            search(model, { ...selection, limit: 1 }).map(({ seq }) => seq),
          );
        }
      }
    }));

  it("keeps any text that a facet may hold apart from any other", () =>
    withProjection(harness, async (projection) => {
      const values = [
        "a",
        "A",
        "a ",
        "é",
        "e\u0301",
        "%",
        "_",
        "'\"; --",
        "__proto__",
        "\u{1f600}",
        "\uffff",
        "x\u0000y",
        "x",
      ];
      values.push("x".repeat(8_000), `${"x".repeat(8_000)}y`, "1", "01", "");
      await apply(
        projection,
        ...values.map((value, i) => ({ name: `e${i}`, facets: [{ kind: "record", value }] as const })),
      );
      for (const [i, value] of values.entries()) {
        assert.deepEqual(await names(projection, { facets: [{ kind: "record", value }] }), [`e${i}`]);
      }
    }));

  it("refuses what is over its limits, or no time", () =>
    withProjection(harness, async (projection) => {
      const facets = Array.from({ length: PROJECTION_LIMITS.facetsMax + 1 }, () => RECORD);
      await assert.rejects(projection.find({ ...ALL, facets }), invalid);
      for (const limit of [0, -1, 1.5, PROJECTION_LIMITS.pageMax + 1]) {
        await assert.rejects(projection.find({ ...ALL, limit }), invalid);
        await assert.rejects(projection.batches("o", "s", limit), invalid);
        await assert.rejects(projection.incidents(limit), invalid);
      }
      await assert.rejects(projection.count({ facets: [] }, PROJECTION_LIMITS.countMax + 1), invalid);
      await assert.rejects(projection.find({ ...ALL, from: "yesterday" }), invalid);
      await assert.rejects(projection.find({ ...ALL, after: { at: "", seq: 0 } }), invalid);
    }));
}

interface Modelled {
  readonly sample: SampleEvent;
  readonly block: number;
  readonly seq: number;
}

function randomFilter(random: (below: number) => number): EventFilter {
  const pick = <T>(values: readonly T[]): T => values[random(values.length)] as T;
  const minute = (): string => new Date(Date.UTC(2026, 0, 1) + random(21) * 60_000).toISOString();
  const facets: Facet[] = Array.from({ length: random(4) }, () =>
    pick<Facet>([
      { kind: "record", value: `hospital-a/Observation/${random(13)}` },
      { kind: "agent", value: `hospital-a/Practitioner/${random(6)}` },
      { kind: "subject", value: `token-${random(9)}` },
    ]),
  );
  return {
    facets,
    order: pick(["oldest-first", "newest-first"]),
    limit: 1 + random(30),
    ...(random(2) === 0 ? { viewer: pick(["hospital-a", "hospital-b", "laboratory", "unknown partner 1"]) } : {}),
    ...(random(3) === 0 ? { from: minute() } : {}),
    ...(random(3) === 0 ? { to: minute() } : {}),
    ...(random(3) === 0 ? { blockMax: random(6) } : {}),
    ...(random(3) === 0 ? { after: { at: minute(), seq: random(240) } } : {}),
  };
}

/** The contract, as plainly as it can be said. */
function search(model: readonly Modelled[], filter: EventFilter): Modelled[] {
  const at = ({ sample }: Modelled): string => sample.at as string;
  const order = (a: { at: string; seq: number }, b: { at: string; seq: number }): number =>
    (a.at < b.at ? -1 : a.at > b.at ? 1 : a.seq - b.seq) * (filter.order === "oldest-first" ? 1 : -1);
  const { viewer, from, to, blockMax, after, facets } = filter;
  return model
    .filter(({ sample }) => viewer === undefined || [sample.institution, ...(sample.recipients ?? [])].includes(viewer))
    .filter((event) => (from === undefined || at(event) >= from) && (to === undefined || at(event) < to))
    .filter(({ block }) => blockMax === undefined || block <= blockMax)
    .filter((event) => after === undefined || order({ at: at(event), seq: event.seq }, after) > 0)
    .filter(
      ({ sample }) =>
        facets.length === 0 ||
        facets.some((wanted) => sample.facets?.some((own) => own.kind === wanted.kind && own.value === wanted.value)),
    )
    .sort((a, b) => order({ at: at(a), seq: a.seq }, { at: at(b), seq: b.seq }));
}
