import assert from "node:assert/strict";
import test from "node:test";
import { createDirectory } from "@medtrace/shared/model/directory";
import { knownInstitution } from "./institutions.ts";

const directory = createDirectory({
  institutions: [
    { id: "hospital-a", aliases: ["HOSPA"] },
    { id: "17", aliases: ["Hospital Seventeen"] },
  ],
  sharedIdentifierSystems: [],
});
const known = (name: string): string | undefined =>
  knownInstitution(name, { institution: "hospital-b", zone: "+00:00", directory });

test("an institution is known by its id and by each of its names, in any case", () => {
  for (const name of ["hospital-a", "HOSPITAL-A", "hospa", "HOSPA"]) assert.equal(known(name), "hospital-a", name);
  assert.equal(known("hospital seventeen"), "17");
});

test("the sender knows itself, whether or not the directory does", () => {
  assert.equal(known("hospital-b"), "hospital-b");
});

test("a name that the directory does not have is unknown, and so is none", () => {
  for (const name of ["hospital-c", "HOSPITAL-C", "", "99"]) assert.equal(known(name), undefined, name);
});
