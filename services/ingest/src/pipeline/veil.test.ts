import assert from "node:assert/strict";
import test from "node:test";
import { createVeil } from "./veil.ts";

const digest = (text: string): string => `digest-of-${text.length}`;

test("an id that repeats a patient's identifier is replaced, the same way each time", () => {
  const veil = createVeil("hospital-a", ["4711008"], digest);
  const veiled = veil("hospital-a/DiagnosticReport/4711008-2", "DiagnosticReport");
  assert.equal(veiled.includes("4711008"), false);
  assert.match(veiled, /^hospital-a\/DiagnosticReport\/veiled-/);
  assert.equal(veil("hospital-a/DiagnosticReport/4711008-2", "DiagnosticReport"), veiled);
});

test("an id that has nothing of the patient's stays as it is", () => {
  const veil = createVeil("hospital-a", ["4711008"], digest);
  assert.equal(veil("hospital-a/DiagnosticReport/99", "DiagnosticReport"), "hospital-a/DiagnosticReport/99");
});

test("a short identifier veils a whole segment only, a very short one nothing", () => {
  const veil = createVeil("hospital-a", ["4711", "12"], digest);
  assert.match(veil("hospital-a/Encounter/4711", "Encounter"), /veiled/);
  assert.equal(veil("hospital-a/Encounter/94711", "Encounter"), "hospital-a/Encounter/94711");
  assert.equal(veil("hospital-a/Encounter/12", "Encounter"), "hospital-a/Encounter/12");
});

test("an identifier is found in an id that it was encoded into", () => {
  const veil = createVeil("hospital-a", ["e3c^^^&2.999&ISO", "ä 4711", "half \ud800"], digest);
  for (const value of ["e3c^^^&2.999&ISO", "ä 4711"]) {
    const id = `hospital-a/Resource/${encodeURIComponent(`identifier|${value}`)}`;
    assert.match(veil(id, "Resource"), /^hospital-a\/Resource\/veiled-/);
    assert.match(veil(`hospital-a/Resource/${value}`, "Resource"), /veiled/);
  }
  assert.equal(veil("hospital-a/Resource/e3c", "Resource"), "hospital-a/Resource/e3c");
});
