/** Referrals between hospitals: documents go along with consent, are copied there, and a letter comes back. */
import { LETTERS } from "./catalogue.ts";
import type { Chart } from "./chart.ts";
import type { World } from "./desk.ts";
import { evn, obxText, pid, prd, pv1, rf1, txa, type Visit } from "./hl7v2.ts";
import type { Institution } from "./region.ts";

import { DAY, HOUR, MINUTE, type Story } from "./timeline.ts";

/** @param to where the patient is referred. */
export function* referral(world: World, chart: Chart, to: Institution): Story {
  const { random, timeline, desk, registry } = world;
  const { hospital: from, patient, visit } = chart;
  const sender = desk.onDuty(visit.ward, "physician");
  const [clinic] = to.wards;
  desk.hl7("REF^I12", "REF_I12", { from, application: "EHR", to }, [
    rf1(registry.uuid(), timeline.now_ms),
    prd("RP", sender, from),
    pid(desk.subject(patient, from)),
    pv1(visit, from),
  ]);
  const documents = chart.records.filter((record) => record.startsWith("urn:")).slice(-3);
  if (documents.length > 0) {
    const consent = registry.number(from, "C");
    desk.disclose({ from, to, staff: sender, patient, records: documents, consent });
  }
  yield DAY + random.wait(4 * DAY);
  const seen: Visit = {
    number: registry.number(to, "V"),
    patientClass: "O",
    ward: clinic,
    bed: random.whole(1, clinic.beds),
    attending: desk.onDuty(clinic, "physician"),
    admitted_ms: timeline.now_ms,
  };
  const subject = desk.subject(patient, to);
  desk.hl7("ADT^A04", "ADT_A01", { from: to, application: "PAS", to }, [
    evn("A04", timeline.now_ms, timeline.now_ms, desk.clerk(to)),
    pid(subject),
    pv1(seen, to),
  ]);
  for (const sent of documents) {
    const copy = `DocumentReference/${registry.number(to, "D")}`;
    const clerk = desk.onDuty(to.office, "clerk");
    desk.derive({
      institution: to,
      staff: clerk,
      target: copy,
      sources: [sent],
      role: "derivation",
      activity: "CREATE",
    });
    yield random.wait(15 * MINUTE);
    desk.access({ institution: to, staff: seen.attending, patient, records: [copy], purpose: "COC" });
  }
  yield random.wait(3 * HOUR);
  const oid = `2.25.${BigInt(`0x${registry.uuid().replaceAll("-", "")}`)}`;
  desk.hl7("MDM^T02", "MDM_T02", { from: to, application: "DMS", to: from }, [
    evn("T02", timeline.now_ms, timeline.now_ms, desk.clerk(to)),
    pid(subject),
    pv1(seen, to),
    txa({ oid, kind: "CN", author: seen.attending, written_ms: timeline.now_ms }, to),
    obxText(random.pick(LETTERS)),
  ]);
  yield random.wait(8 * HOUR);
  desk.access({ institution: from, staff: sender, patient, records: [`urn:oid:${oid}`], purpose: "COC" });
}
