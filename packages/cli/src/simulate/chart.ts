/** What a hospital keeps of one patient during one stay. */
import type { Visit } from "./hl7v2.ts";
import type { Patient } from "./people.ts";
import type { Random } from "./random.ts";
import type { Institution } from "./region.ts";

const RECORDS_MAX = 40;

export interface Chart {
  readonly hospital: Institution;
  readonly patient: Patient;
  visit: Visit;
  /** References of what it holds, newest last; the oldest are forgotten. */
  readonly records: string[];
}

/** Adds to what the chart holds. */
export function remember(chart: Chart, record: string): void {
  chart.records.push(record);
  if (chart.records.length > RECORDS_MAX) chart.records.shift();
}

/** Something of the chart, the newest most often. */
export function recent(random: Random, chart: Chart): string {
  const back = Math.min(chart.records.length, 1 + Math.floor(random.wait(1.5)));
  return chart.records[chart.records.length - back] ?? `Encounter/${chart.visit.number}`;
}
