/** Orders from hospitals to the laboratory, and the reports that come back. */
import { TESTS } from "./catalogue.ts";
import { type Chart, remember } from "./chart.ts";
import type { World } from "./desk.ts";
import { type Order, obr, obx, orc, pid, pv1, type Report } from "./hl7v2.ts";
import type { Random } from "./random.ts";

import { HOUR, MINUTE, type Story } from "./timeline.ts";

/** Ordered at the hospital, measured at the laboratory, reported, copied into the chart, read. Some are cancelled. */
export function* laboratoryOrder(world: World, chart: Chart): Story {
  const { random, timeline, desk, registry, region } = world;
  const { hospital, patient } = chart;
  const order: Order = {
    placer: registry.number(hospital, "R"),
    orderer: hospital,
    by: desk.onDuty(chart.visit.ward, "physician"),
    test: random.pick(TESTS),
    ordered_ms: timeline.now_ms,
  };
  const ask = (control: "NW" | "CA"): void =>
    desk.hl7("ORM^O01", "ORM_O01", { from: hospital, application: "EHR", to: region.laboratory }, [
      pid(desk.subject(patient, hospital)),
      pv1(chart.visit, hospital),
      orc(order, control),
      obr(order),
    ]);
  ask("NW");
  yield 10 * MINUTE + random.wait(25 * MINUTE);
  if (random.chance(0.04)) return ask("CA");
  const taken_ms = timeline.now_ms;
  const technician = desk.onDuty(region.laboratory.emergency, "technician");
  const sample = `Specimen/${registry.number(region.laboratory, "S")}`;
  desk.access({ institution: region.laboratory, staff: technician, patient, records: [sample], interaction: "create" });
  yield 20 * MINUTE + random.wait(50 * MINUTE);
  const report: Report = {
    uuid: registry.uuid(),
    taken_ms,
    reported_ms: timeline.now_ms,
    status: "F",
    interpreter: desk.onDuty(region.laboratory.emergency, "pathologist"),
    laboratory: region.laboratory,
  };
  send(world, chart, order, report);
  yield random.whole(2, 30) * 1_000;
  receive(world, chart, order, report, sample);
  yield random.wait(HOUR);
  desk.access({ institution: hospital, staff: order.by, patient, records: chart.records.slice(-1) });
  if (!random.chance(0.03)) return;
  yield random.wait(5 * HOUR);
  send(world, chart, order, { ...report, status: "C", reported_ms: timeline.now_ms });
}

function send(world: World, { hospital, patient }: Chart, order: Order, report: Report): void {
  const { random, desk } = world;
  desk.hl7("ORU^R01", "ORU_R01", { from: report.laboratory, application: "LIS", to: hospital }, [
    pid(desk.subject(patient, report.laboratory)),
    orc(order, "RE"),
    obr(order, report),
    ...order.test.parts.map((part, place) =>
      obx(place + 1, part, measured(random, part), report.reported_ms, report.status),
    ),
  ]);
}

/** The hospital's system copies the report into the chart; the laboratory notes what it was made from. */
function receive({ desk, registry }: World, chart: Chart, order: Order, report: Report, sample: string): void {
  const { hospital } = chart;
  const sent = `urn:uuid:${report.uuid}`;
  const copy = `DiagnosticReport/${registry.number(hospital, "D")}`;
  desk.derive({
    institution: report.laboratory,
    staff: report.interpreter,
    target: sent,
    sources: [sample],
    role: "source",
    activity: "CREATE",
  });
  desk.derive({
    institution: hospital,
    staff: order.by,
    target: copy,
    sources: [sent],
    role: "derivation",
    activity: "CREATE",
  });
  remember(chart, copy);
}

/** Mostly within the reference range, in a fifth of the cases outside it. */
function measured(random: Random, { low, high }: { readonly low: number; readonly high: number }): number {
  const span = high - low;
  if (random.chance(0.8)) return low + span * random.next();
  return random.chance(0.75) || low === 0 ? high + span * random.next() : Math.max(0, low - 0.3 * span * random.next());
}
