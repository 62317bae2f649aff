/** Hospital traffic without hospitals: the same messages for the same seed and start, on every machine. */
import { createHash } from "node:crypto";
import { Desk, type SimulatedMessage, type World } from "./desk.ts";
import { createRandom } from "./random.ts";
import { createRegion, Registry } from "./region.ts";
import { arrivals, stay } from "./stays.ts";
import { HOUR, Timeline } from "./timeline.ts";

export interface TrafficOptions {
  readonly seed: string;
  /** Virtual time of the beginning, milliseconds since 1970. Default {@link DEFAULT_START}. */
  readonly start_ms?: number;
}

/** A Monday morning. */
export const DEFAULT_START = "2026-03-02T06:30:00+01:00";

/** Patients who are already there when the traffic begins. */
const PATIENTS_AT_START = 12;

/**
 * Messages in the order of virtual time, without end: about 1,700 a virtual day, from two hospitals and a laboratory.
 * Three quarters are FHIR AuditEvents and Provenances, the rest HL7 v2 (ADT, ORM, ORU, MDM, REF). Numbers in them differ
 * from those of any other seed or start, so that both can be published to one service.
 */
export function* traffic({ seed, start_ms = Date.parse(DEFAULT_START) }: TrafficOptions): Generator<SimulatedMessage> {
  const random = createRandom(seed);
  const run = createHash("sha256").update(`${seed}\n${start_ms}`).digest("hex").slice(0, 6).toUpperCase();
  const timeline = new Timeline(start_ms);
  const region = createRegion(random);
  const registry = new Registry(random, run);
  const out: SimulatedMessage[] = [];
  const desk = new Desk(timeline, registry, random, out);
  const world: World = { random, timeline, region, registry, desk, year: new Date(start_ms).getUTCFullYear() };
  for (const hospital of region.hospitals) timeline.begin(arrivals(world, hospital));
  for (let patient = 0; patient < PATIENTS_AT_START; patient++) {
    timeline.begin(stay(world, random.pick(region.hospitals), registry.newPatient(world.year)), random.wait(HOUR));
  }
  while (timeline.step()) {
    yield* out;
    out.length = 0;
  }
}
