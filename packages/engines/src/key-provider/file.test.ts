import { strict as assert } from "node:assert";
import { randomBytes } from "node:crypto";
import { readdir, stat, truncate } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { hasCode } from "@medtrace/shared/errors";
import { hex, utf8 } from "@medtrace/shared/model/bytes";
import { temporaryFolder } from "../testing/folder.ts";
import { openFileKeyProvider } from "./file.ts";
import { openKeyProvider } from "./open.ts";

const [A, B] = ["hospital-a", "hospital-b"];
const integrity = (error: unknown): boolean => hasCode(error, "INTEGRITY");

describe("keys in files", () => {
  it("opens what it wrapped, when it is opened again too, and wraps differently each time", async () => {
    await using folder = await temporaryFolder();
    const dataKey = randomBytes(32);
    const keys = openFileKeyProvider(folder.path);
    const wrapped = [keys.wrap(A, dataKey), keys.wrap(A, dataKey)];
    assert.notEqual(hex(wrapped[0] ?? dataKey), hex(wrapped[1] ?? dataKey));
    const again = openFileKeyProvider(folder.path);
    for (const bytes of wrapped) {
      assert.equal(hex(again.unwrap(A, bytes)), hex(dataKey));
      assert.ok(!Buffer.from(bytes).includes(dataKey));
    }
  });

  it("refuses what another institution's key wrapped, and what was changed or cut, wherever", async () => {
    await using folder = await temporaryFolder();
    const keys = openFileKeyProvider(folder.path);
    const wrapped = keys.wrap(A, randomBytes(32));
    assert.throws(() => keys.unwrap(B, wrapped), integrity);
    for (let i = 0; i < wrapped.length; i++) {
      const changed = Uint8Array.from(wrapped, (byte, at) => (at === i ? byte ^ 1 : byte));
      assert.throws(() => keys.unwrap(A, changed), integrity, `byte ${i}`);
      assert.throws(() => keys.unwrap(A, wrapped.subarray(0, i)), integrity, `${i} bytes`);
    }
    await using other = await temporaryFolder();
    assert.throws(() => openFileKeyProvider(other.path).unwrap(A, wrapped), integrity);
  });

  it("digests by institution, and indexes the same for all of them", async () => {
    await using folder = await temporaryFolder();
    const keys = openFileKeyProvider(folder.path);
    const again = openFileKeyProvider(folder.path);
    const bytes = utf8("some bytes");
    const digests = [keys.digest(A, bytes), keys.digest(B, bytes), keys.index(bytes)].map(hex);
    assert.equal(new Set(digests).size, 3);
    assert.deepEqual([again.digest(A, bytes), again.digest(B, bytes), again.index(bytes)].map(hex), digests);
    for (const digest of digests) assert.match(digest, /^[0-9a-f]{64}$/);
    assert.notEqual(hex(keys.index(utf8("some byte"))), hex(keys.index(bytes)));
  });

  it("makes one key where several open an empty folder at once", async () => {
    await using folder = await temporaryFolder();
    const bytes = utf8("bytes");
    const openers = Array.from({ length: 5 }, () => openFileKeyProvider(folder.path));
    assert.equal(new Set(openers.map((keys) => hex(keys.index(bytes)))).size, 1);
    assert.equal(new Set(openers.map((keys) => hex(keys.digest(A, bytes)))).size, 1);
  });

  it("lets only its owner read them, and leaves no draft behind", async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, "keys");
    openFileKeyProvider(path).digest(A, utf8(""));
    assert.equal((await stat(path)).mode & 0o777, 0o700);
    const names = (await readdir(path)).sort();
    assert.deepEqual(names, ["index.key", "institution-hospital-a.key"]);
    for (const name of names) assert.equal((await stat(join(path, name))).mode & 0o777, 0o600);
  });

  it("refuses a key file that was cut short", async () => {
    await using folder = await temporaryFolder();
    openFileKeyProvider(folder.path).digest(A, utf8(""));
    await truncate(join(folder.path, "institution-hospital-a.key"), 0);
    assert.throws(() => openFileKeyProvider(folder.path).digest(A, utf8("")), integrity);
    await truncate(join(folder.path, "index.key"), 31);
    assert.throws(() => openFileKeyProvider(folder.path), integrity);
  });

  it("takes no institution's name that could be a path", async () => {
    await using folder = await temporaryFolder();
    const keys = openFileKeyProvider(join(folder.path, "keys"));
    for (const name of ["", "../x", "a/b", "a\u0000b", "a b", "é", "x".repeat(65)]) {
      assert.throws(() => keys.digest(name, utf8("")), RangeError);
    }
    assert.deepEqual(await readdir(folder.path), ["keys"]);
    assert.deepEqual(await readdir(join(folder.path, "keys")), ["index.key"]);
  });

  it("is had by file:FOLDER alone", async () => {
    await using folder = await temporaryFolder();
    const keys = await openKeyProvider(`file:${folder.path}`);
    assert.equal(keys.index(utf8("")).length, 32);
    for (const url of ["", "file:", "kms://x", folder.path]) {
      await assert.rejects(openKeyProvider(url), (error) => hasCode(error, "CONFIGURATION") && error.at === "KEYS_URL");
    }
  });
});
