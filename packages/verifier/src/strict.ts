/**
 * Strict JSON (RFC 8259) with one reading only. Refused on top of what JSON refuses: a member named twice in one
 * object, a number not written as RFC 8785 writes it, text without a UTF-8 form, deep nesting.
 */
import { Fault } from "./verdict.ts";

export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [member: string]: Json;
}

const DEPTH_MAX = 200;
const TOKEN = /[ \t\n\r]*([{}[\]:,]|"[^"\\]*(?:\\.[^"\\]*)*"|[\w.+-]+|$)/sy;

/**
 * Value of a JSON text. Objects have no prototype, so that no member name is special.
 *
 * @param at how faults name the text; a fault's place goes on from there, as in `at.events[3].path`.
 * @throws Fault
 */
export function parseStrict(text: string, at: string): Json {
  const path: string[] = [];
  let token = "";
  let end = 0;

  function fault(says: string): Fault {
    const place = `${at}${path.slice(0, 12).join("")}`.replace(/^\./, "").slice(0, 200);
    return new Fault(place || "the file", `${says} (before character ${end})`);
  }
  function advance(): void {
    TOKEN.lastIndex = end;
    const match = TOKEN.exec(text);
    if (match === null) throw fault("not JSON");
    token = match[1] ?? "";
    end = TOKEN.lastIndex;
  }
  function take(expected: string): void {
    if (token !== expected) throw fault(`not JSON: ${expected || "the end"} expected`);
    advance();
  }
  function inside(step: string): Json {
    path.push(step);
    if (path.length > DEPTH_MAX) throw fault(`nested deeper than ${DEPTH_MAX}`);
    const found = value();
    path.pop();
    return found;
  }
  function value(): Json {
    if (token === "{") return members();
    if (token === "[") return items();
    const found = scalar(token, fault);
    advance();
    return found;
  }
  function members(): JsonObject {
    const found = Object.create(null) as Record<string, Json>;
    advance();
    for (let first = true; token !== "}"; first = false) {
      if (!first) take(",");
      const name = scalar(token, fault);
      if (typeof name !== "string") throw fault("not JSON: a member's name expected");
      if (name in found) throw fault(`two members of one object are named ${JSON.stringify(name)}`);
      advance();
      take(":");
      found[name] = inside(`.${name}`);
    }
    advance();
    return found;
  }
  function items(): Json[] {
    const found: Json[] = [];
    advance();
    while (token !== "]") {
      if (found.length > 0) take(",");
      found.push(inside(`[${found.length}]`));
    }
    advance();
    return found;
  }

  advance();
  const found = value();
  if (token !== "" || end < text.length) throw fault("more text after the end of the JSON value");
  return found;
}

/** A string, number, boolean or null; JSON.parse knows the escapes. */
function scalar(token: string, fault: (says: string) => Fault): Json {
  let found: Json;
  try {
    found = JSON.parse(token) as Json;
  } catch {
    throw fault("not JSON");
  }
  if (typeof found === "number" && String(found) !== token) throw fault("a number is not in canonical form");
  // TextEncoder would write half a surrogate pair as U+FFFD: another text with the same hash.
  if (typeof found === "string" && !found.isWellFormed()) throw fault("a string holds half of a surrogate pair");
  return found;
}

/**
 * Canonical text (RFC 8785) of a value that {@link parseStrict} gave: no white space, members in order of UTF-16
 * code units, strings and numbers as ECMAScript writes them.
 */
export function canonical(value: Json): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  const members = Object.entries(value as JsonObject).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`).join(",")}}`;
}

/** Value of a text that must be its own canonical form, so that nobody can read it two ways; throws Fault. */
export function parseCanonical(text: string, at: string): Json {
  const value = parseStrict(text, at);
  if (canonical(value) !== text) throw new Fault(at, "the text is not in canonical form (RFC 8785)");
  return value;
}
