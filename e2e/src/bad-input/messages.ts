/** HL7 v2 messages to break, and their acknowledgments. */
import assert from "node:assert/strict";

export interface Header {
  readonly id?: string;
  readonly type?: string;
  readonly version?: string;
  readonly charset?: string;
}

/** A header segment. */
export function msh({ id = "X1", type = "ADT^A01", version = "2.5", charset = "" }: Header = {}): string {
  return `MSH|^~\\&|WARD|A|LIS|B|20260101||${type}|${id}|P|${version}||||||${charset}\r`;
}

/** An admission; of its own for each id. */
export function admission(id: string, more: Header = {}): string {
  return `${msh({ id, ...more })}EVN|A01|20260101120000\rPID|1||P${id}^^^A||Nobody^Nemo\rPV1|1|I\r`;
}

/** Fields of an acknowledgment: MSA, and the first ERR. */
export function read(ack: string): { readonly msa: readonly string[]; readonly err: readonly string[] } {
  const segments = ack.split("\r").map((line) => line.split("|"));
  const named = (name: string) => segments.find(([first]) => first === name) ?? [];
  assert.equal(segments[0]?.[0], "MSH", ack);
  return { msa: named("MSA"), err: named("ERR") };
}
