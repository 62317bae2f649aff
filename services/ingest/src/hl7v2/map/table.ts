/**
 * The mapping table: what each HL7 v2 message says was done, and to which records. To trace one more message, add a
 * row to a file in `rows/`; a message without one is an exchange between MSH-4 and MSH-6 ({@link EXCHANGE}).
 * `docs/hl7v2.md` is the table for reading, made by `npm run docs`.
 */
import { ADMISSIONS, IDENTITY } from "./rows/adt.ts";
import { BILLING, QUERIES, SCHEDULES } from "./rows/business.ts";
import { DOCUMENTS, PROBLEMS, RESULTS } from "./rows/clinical.ts";
import { ORDERS } from "./rows/orders.ts";
import { patient, type Rule, visit } from "./rule.ts";

export const CHAPTERS: Readonly<Record<string, readonly Rule[]>> = {
  "Admissions and persons": ADMISSIONS,
  "Merges, links and moves": IDENTITY,
  "Results, vaccinations, studies": RESULTS,
  Documents: DOCUMENTS,
  "Goals, problems, pathways": PROBLEMS,
  "Orders, drugs, referrals": ORDERS,
  Appointments: SCHEDULES,
  Billing: BILLING,
  Queries: QUERIES,
};

/** What a message without a row is traced as: an exchange. Query responses (RSP, ADR, DSR, RTB …) are just that. */
export const EXCHANGE: Rule = {
  on: "",
  what: "any other message: data exchanged",
  kind: "disclose",
  records: [patient("used"), visit("used")],
  disclosed: true,
};

/** Types that are known, and are exchanges: responses, and what speaks of no patient's record. */
export const EXCHANGES: readonly string[] = (
  "ADR CCF CCI CCM CCQ CCR CCU DOC DSR EAC EAN EAR EDR ERP ESR ESU INR INU LSR LSU MFD MFK MFN MFQ MFR NMD NMQ NMR " +
  "ORA ORB ORD ORG ORI ORL ORN ORP ORR ORS OSR PEX PMU PRR PPV PTR PPT QCK RAR RCI RDR RER RGR ROR RPA RPI RPL " +
  "RPR RQA RRA RRD RRE RRG RRI RSP RTB SQR SRR SSR SSU SUR TBR TCR TCU UDM VXR VXX"
).split(" ");

const TABLE: ReadonlyMap<string, Rule> = new Map([
  ...EXCHANGES.map((type): [string, Rule] => [type, EXCHANGE]),
  ...Object.values(CHAPTERS).flatMap((rules) =>
    rules.flatMap((rule) => rule.on.split(" ").map((trigger): [string, Rule] => [trigger, rule])),
  ),
]);

/** The row for a message type (MSH-9.1) and trigger event (MSH-9.2); undefined where its type is not known. */
export function ruleFor(type: string, event: string): Rule | undefined {
  return TABLE.get(`${type}^${event}`) ?? TABLE.get(type);
}
