/** Messages for tests, and the way from their text to drafts. */
import { createDirectory, type Directory } from "@medtrace/shared/model/directory";
import { traceTimeOf } from "@medtrace/shared/model/time";
import type { Draft } from "../normalise/draft.ts";
import type { Hl7Context } from "./map/context.ts";
import { mapMessage } from "./map/map.ts";
import { type Message, type MessageBytes, readHeader, readMessage } from "./message.ts";

export const DIRECTORY: Directory = createDirectory({
  institutions: [
    { id: "north-hospital", aliases: ["NORTH", "urn:oid:1.2.3.1"] },
    { id: "city-lab", aliases: ["CITYLAB"] },
  ],
  sharedIdentifierSystems: ["NI", "urn:oid:1.2.3.9", "HEALTHCARD"],
});

export const CONTEXT: Hl7Context = {
  institution: "north-hospital",
  directory: DIRECTORY,
  zone: "+01:00",
  received: traceTimeOf(Date.UTC(2031, 0, 2, 3, 4, 5)),
};

/** Bytes of a message of these segments. */
export function er7(...segments: string[]): Uint8Array {
  return Buffer.from(segments.join("\r"));
}

/** An MSH of this type, from a ward system at NORTH to CITYLAB. */
export function msh(type: string, more: { id?: string; version?: string; rest?: string } = {}): string {
  const { id = "M1", version = "2.5", rest = "" } = more;
  return `MSH|^~\\&|WARD|NORTH|LIS|CITYLAB|20310102030405+0100||${type}|${id}|P|${version}${rest}`;
}

export function bytesOf(raw: Uint8Array): MessageBytes {
  return { raw, width: "bytes", flags: [] };
}

export function messageOf(raw: Uint8Array): Message {
  return readMessage(bytesOf(raw), readHeader(bytesOf(raw)));
}

/** The drafts of a message of these segments. */
export function draftsOf(...segments: string[]): Draft[] {
  const raw = er7(...segments);
  return mapMessage(messageOf(raw), raw, CONTEXT);
}

/** The only draft of a message of these segments. */
export function draftOf(...segments: string[]): Draft {
  const drafts = draftsOf(...segments);
  const [draft] = drafts;
  if (drafts.length !== 1 || draft === undefined) throw new RangeError(`${drafts.length} drafts, not one`);
  return draft;
}

/** Records as `role id`, a patient as `role person N`. */
export function recordsOf(draft: Draft): string[] {
  return draft.records.map(({ id, role }) => `${role} ${typeof id === "string" ? id : `person ${id.person}`}`);
}
