import { strict as assert } from "node:assert";
import { it } from "node:test";
import { hex } from "@medtrace/shared/model/bytes";
import type { Identifier } from "@medtrace/shared/ports/vault";
import { A, B, testKeys } from "@medtrace/shared/ports/vault.contract.kit";
import { identifierHash } from "./identifier-hash.ts";

const keys = testKeys();

function hashed(institution: string, system: string, value: string, scope: Identifier["scope"] = "shared"): string {
  return hex(identifierHash(keys, institution, { system, value, scope }));
}

it("hashes one identifier alike however its system is written, and with blanks around it", () => {
  const one = hashed(A, "https://health.example/card", "756.1");
  assert.match(one, /^[0-9a-f]{64}$/);
  assert.equal(hashed(A, " HTTPS://health.example/Card ", "756.1"), one);
  assert.equal(hashed(A, "https://health.example/card", "\t756.1 \r\n"), one);
  assert.equal(hashed(B, "https://health.example/card", "756.1"), one);
});

it("hashes apart what differs in value, system, scope or, for a local one, institution", () => {
  const all = [
    hashed(A, "s", "v"),
    hashed(A, "s", "V"),
    hashed(A, "s", "v v"),
    hashed(A, "s", "vv"),
    hashed(A, "sv", ""),
    hashed(A, "", "sv"),
    hashed(A, "s", 'v","w'),
    hashed(A, "s", "v", "local"),
    hashed(B, "s", "v", "local"),
    hashed("shared", "s", "v", "local"),
    hashed("", "s", "v", "local"),
  ];
  assert.equal(new Set(all).size, all.length);
});

it("cannot be had without the index key", () => {
  const other = hex(identifierHash(testKeys("others"), A, { system: "s", value: "v", scope: "shared" }));
  assert.notEqual(other, hashed(A, "s", "v"));
});
