/** A patient's way through a hospital: from registration to discharge, with all who look at the record meanwhile. */

import { SUMMARIES } from "./catalogue.ts";
import { type Chart, recent, remember } from "./chart.ts";
import type { World } from "./desk.ts";
import { evn, mrg, obxText, pid, pv1, txa, type Visit } from "./hl7v2.ts";
import { laboratoryOrder } from "./laboratory.ts";
import type { Patient } from "./people.ts";
import { referral } from "./referrals.ts";
import type { Institution, Ward } from "./region.ts";
import { HOUR, localTime, MINUTE, type Story } from "./timeline.ts";

/** Arrivals by hour of the day, relative to the mean. */
const ARRIVALS_BY_HOUR = [
  0.4, 0.3, 0.3, 0.2, 0.3, 0.4, 0.6, 1.0, 1.6, 1.9, 1.9, 1.7, 1.4, 1.4, 1.5, 1.5, 1.4, 1.3, 1.2, 1.0, 0.9, 0.8, 0.6,
  0.5,
];

/** Patients keep coming to a hospital, more of them by day. */
export function* arrivals(world: World, hospital: Institution): Story {
  const { random, timeline, registry } = world;
  for (;;) {
    const weight = ARRIVALS_BY_HOUR[localTime(timeline.now_ms).hour] ?? 1;
    yield random.wait((24 * HOUR) / (hospital.arrivalsPerDay * weight));
    timeline.begin(stay(world, hospital, registry.arrival(world.year)));
  }
}

/** From the door of the emergency department, for a third of the patients over a ward, home. */
export function* stay(world: World, hospital: Institution, patient: Patient): Story {
  const { random, timeline, registry, desk } = world;
  registry.enter(patient);
  const mergeLater = patient.mrn.has(hospital.id) && random.chance(0.15);
  if (mergeLater) timeline.begin(duplicateFound(world, hospital, patient, registerAgain(world, hospital, patient)));
  const chart: Chart = {
    hospital,
    patient,
    records: [],
    visit: {
      number: registry.number(hospital, "V"),
      patientClass: "E",
      ward: hospital.emergency,
      bed: random.whole(1, hospital.emergency.beds),
      attending: desk.onDuty(hospital.emergency, "physician"),
      admitted_ms: timeline.now_ms,
    },
  };
  remember(chart, `Encounter/${chart.visit.number}`);
  movement(world, chart, "A04", "ADT_A01");
  yield* watch(world, chart, random.whole(1, 4));
  if (random.chance(0.75)) timeline.begin(laboratoryOrder(world, chart));
  yield* watch(world, chart, random.whole(2, 5));
  if (random.chance(0.35)) yield* ward(world, chart);
  yield* discharge(world, chart);
}

/** Admission to a ward, days of rounds, perhaps a transfer. */
function* ward(world: World, chart: Chart): Story {
  const { random, timeline, desk } = world;
  const { hospital } = chart;
  const bedOn = (to: Ward): Visit => ({
    ...chart.visit,
    patientClass: "I",
    ward: to,
    bed: random.whole(1, to.beds),
    attending: desk.onDuty(to, "physician"),
  });
  chart.visit = bedOn(random.pick(hospital.wards));
  movement(world, chart, "A01", "ADT_A01");
  const days = 1 + Math.floor(random.wait(1.6));
  for (let day = 0; day < days; day++) {
    for (let visit = 0; visit < 5; visit++) {
      yield random.wait(4 * HOUR);
      yield* watch(world, chart, random.whole(1, 3));
    }
    if (random.chance(0.6)) timeline.begin(laboratoryOrder(world, chart));
    if (random.chance(0.25)) update(world, chart);
    if (random.chance(0.15)) {
      chart.visit = bedOn(random.pick(hospital.wards));
      movement(world, chart, "A02", "ADT_A02");
    }
  }
}

/** Staff of the ward read and write in the chart, minutes apart; now and then somebody from elsewhere does. */
function* watch(world: World, chart: Chart, times: number): Story {
  const { random, timeline, desk, registry } = world;
  const { hospital, patient } = chart;
  for (let time = 0; time < times; time++) {
    yield random.wait(25 * MINUTE);
    const staff = desk.onDuty(chart.visit.ward, random.chance(0.65) ? "nurse" : "physician");
    const records = [recent(random, chart), ...(random.chance(0.3) ? [recent(random, chart)] : [])];
    desk.access({ institution: hospital, staff, patient, records: [...new Set(records)] });
    if (random.chance(0.2)) {
      const note = `Observation/${registry.number(hospital, "O")}`;
      yield random.wait(4 * MINUTE);
      desk.access({ institution: hospital, staff, patient, records: [note], interaction: "create" });
      remember(chart, note);
    }
    if (random.chance(0.02)) timeline.begin(breakGlass(world, chart));
  }
}

/** Someone without a treatment relation is refused, opens the record in an emergency, and is asked why afterwards. */
function* breakGlass(world: World, chart: Chart): Story {
  const { random, desk } = world;
  const { hospital, patient } = chart;
  const elsewhere = random.pick(hospital.wards);
  const staff = desk.onDuty(elsewhere, random.chance(0.5) ? "physician" : "nurse");
  const records = [recent(random, chart)];
  desk.access({ institution: hospital, staff, patient, records, denied: true });
  yield random.whole(10, 60) * 1_000;
  for (let time = random.whole(1, 3); time > 0; time--) {
    desk.access({ institution: hospital, staff, patient, records: [recent(random, chart)], purpose: "BTG" });
    yield random.wait(MINUTE);
  }
  yield random.wait(20 * HOUR);
  const officer = desk.onDuty(hospital.office, "privacy-officer");
  desk.access({ institution: hospital, staff: officer, patient, records, purpose: "HOPERAT" });
}

/** Home: a summary of what the chart holds, the bill, and for some a referral to the other hospital. */
function* discharge(world: World, chart: Chart): Story {
  const { random, timeline, desk, registry, region } = world;
  const { hospital, patient } = chart;
  yield random.wait(50 * MINUTE);
  chart.visit = { ...chart.visit, discharged_ms: timeline.now_ms };
  movement(world, chart, "A03", "ADT_A03");
  registry.leave(patient);
  if (random.chance(0.6)) yield* summary(world, chart);
  if (random.chance(0.18)) {
    const to = region.hospitals.find((other) => other !== hospital) ?? hospital;
    timeline.begin(referral(world, chart, to), random.wait(2 * HOUR));
  }
  yield random.wait(30 * HOUR);
  const staff = desk.onDuty(hospital.office, "clerk");
  const claim = `Claim/${registry.number(hospital, "B")}`;
  const encounter = `Encounter/${chart.visit.number}`;
  desk.access({ institution: hospital, staff, patient, records: [encounter], purpose: "HPAYMT" });
  desk.derive({
    institution: hospital,
    staff,
    target: claim,
    sources: [encounter],
    role: "source",
    activity: "CREATE",
  });
}

/** A discharge summary, written from the chart; sometimes a second one that replaces it. */
function* summary(world: World, chart: Chart): Story {
  const { random, timeline, desk, registry } = world;
  const { hospital, patient, visit } = chart;
  const author = desk.onDuty(visit.ward, "physician");
  const write = (event: "T02" | "T10", replaces?: string): string => {
    const oid = `2.25.${BigInt(`0x${registry.uuid().replaceAll("-", "")}`)}`;
    const document = { oid, kind: "DS", author, written_ms: timeline.now_ms, ...(replaces ? { replaces } : {}) };
    desk.hl7(`MDM^${event}`, "MDM_T02", { from: hospital, application: "DMS", to: hospital }, [
      evn(event, timeline.now_ms, timeline.now_ms, desk.clerk(hospital)),
      pid(desk.subject(patient, hospital)),
      pv1(visit, hospital),
      txa(document, hospital),
      obxText(random.pick(SUMMARIES)),
    ]);
    return oid;
  };
  yield random.wait(40 * MINUTE);
  const sources = chart.records.slice(-4);
  const first = write("T02");
  const target = `urn:oid:${first}`;
  desk.derive({ institution: hospital, staff: author, target, sources, role: "source", activity: "CREATE" });
  remember(chart, target);
  if (!random.chance(0.12)) return;
  yield random.wait(6 * HOUR);
  remember(chart, `urn:oid:${write("T10", first)}`);
}

/** A clerk does not find the patient and gives a second record number. */
function registerAgain({ registry }: World, hospital: Institution, patient: Patient): string {
  const first = registry.mrn(patient, hospital);
  patient.mrn.delete(hospital.id);
  registry.mrn(patient, hospital);
  return first;
}

/** Later somebody sees that the two numbers are one patient (A40). */
function* duplicateFound(world: World, hospital: Institution, patient: Patient, first: string): Story {
  const { random, timeline, desk } = world;
  yield 2 * HOUR + random.wait(8 * HOUR);
  const subject = desk.subject(patient, hospital);
  desk.hl7("ADT^A40", "ADT_A39", { from: hospital, application: "PAS", to: hospital }, [
    evn("A40", timeline.now_ms, timeline.now_ms, desk.clerk(hospital)),
    pid(subject),
    mrg(first, subject),
  ]);
}

function movement(world: World, chart: Chart, event: string, structure: string): void {
  const { timeline, desk, random } = world;
  const { hospital, patient, visit } = chart;
  const occurred_ms = timeline.now_ms - random.whole(0, 240) * 1_000;
  desk.hl7(`ADT^${event}`, structure, { from: hospital, application: "PAS", to: hospital }, [
    evn(event, timeline.now_ms, occurred_ms, desk.clerk(hospital), event === "A01" ? "02" : ""),
    pid(desk.subject(patient, hospital)),
    pv1(visit, hospital),
  ]);
}

function update(world: World, chart: Chart): void {
  movement(world, chart, "A08", "ADT_A01");
}
