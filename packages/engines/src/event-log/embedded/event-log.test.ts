import { strict as assert } from "node:assert";
import { execFile } from "node:child_process";
import { stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { promisify } from "node:util";
import { hasCode } from "@medtrace/shared/errors";
import type { LogPosition, LogRecord } from "@medtrace/shared/ports/event-log";
import { assertHeld, content, records } from "@medtrace/shared/ports/event-log.contract.kit";
import { temporaryFolder } from "../../testing/folder.ts";
import { openEventLog } from "../open.ts";
import { openEmbeddedEventLog } from "./event-log.ts";

const storageFailed = (error: unknown): boolean => hasCode(error, "STORAGE_FAILED");

describe("embedded event log: its folder", () => {
  it("keeps the number of partitions that it was made with", async () => {
    await using folder = await temporaryFolder();
    for (const partitions of [3, 8]) {
      await using log = await openEmbeddedEventLog({ folder: folder.path, partitions });
      assert.equal(log.partitions, 3);
      assert.equal((await log.ranges()).length, 3);
    }
  });

  it("counts offsets from 0 and leaves no holes", async () => {
    await using folder = await temporaryFolder();
    await using log = await openEmbeddedEventLog({ folder: folder.path, partitions: 2 });
    const positions = await log.append(records(100, (i) => `key-${i % 9}`));
    for (const { partition, first, end } of await log.ranges()) {
      const own = positions.filter((position) => position.partition === partition);
      assert.deepEqual([first, end], [0, own.length]);
      assert.deepEqual(
        own.map(({ offset }) => offset),
        [...own.keys()],
      );
    }
  });

  it("lets only its owner read it", async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, "made", "here");
    await using log = await openEmbeddedEventLog({ folder: path });
    await log.ping();
    assert.equal((await stat(path)).mode & 0o777, 0o700);
    assert.equal((await stat(join(path, "log.key"))).mode & 0o777, 0o600);
  });

  it("is whole in a copy of its files that is made at any moment, as a power cut leaves them", async () => {
    await using folder = await temporaryFolder();
    await using log = await openEmbeddedEventLog({ folder: folder.path });
    const appended: LogRecord[] = [];
    const positions: LogPosition[] = [];
    for (let round = 0; round < 5; round++) {
      const more = records(50, (i) => `key-${i}`);
      positions.push(...(await log.append(more)));
      appended.push(...more);
      await using copy = await folder.copy();
      await using copied = await openEmbeddedEventLog({ folder: copy.path });
      await assertHeld(copied, appended, positions);
      for await (const fault of copied.check(new AbortController().signal)) assert.fail(fault);
      await assertHeld(copied, more, await copied.append(more));
    }
  });

  it("refuses a URL that it has no engine for, and the name of a group that could be a path", async () => {
    for (const url of ["", "embedded:", "embedded", "redis://x"]) {
      await assert.rejects(
        openEventLog(url),
        (error) => hasCode(error, "CONFIGURATION") && error.at === "EVENT_LOG_URL",
      );
    }
    await using folder = await temporaryFolder();
    await using log = await openEmbeddedEventLog({ folder: folder.path });
    for (const group of ["", "../x", "a/b", "A", "x".repeat(65)]) {
      const sets = log.assignments(group, new AbortController().signal)[Symbol.asyncIterator]();
      await assert.rejects(sets.next(), (error) => error instanceof RangeError);
    }
  });
});

describe("embedded event log: its limits", () => {
  it("takes a call that is over the backlog limit by itself where nothing else waits", async () => {
    await using folder = await temporaryFolder();
    await using log = await openEmbeddedEventLog({ folder: folder.path, backlogBytesMax: 10 });
    const large = [{ key: "key", value: Buffer.alloc(1_000, 1) }];
    const [taken, refused] = await Promise.allSettled([log.append(large), log.append(large)]);
    assert.equal(taken.status, "fulfilled");
    assert.ok(refused.status === "rejected" && hasCode(refused.reason, "BUSY"));
    await log.append(large);
  });

  it("checks a large log in turns, while records come in, and stops when told to", async () => {
    await using folder = await temporaryFolder();
    await using log = await openEmbeddedEventLog({ folder: folder.path, partitions: 1 });
    await log.append(records(5_000, () => "key"));
    let turns = 0;
    const other = setInterval(() => {
      turns += 1;
      void log.append(records(10, () => "key"));
    }, 1);
    try {
      for await (const fault of log.check(new AbortController().signal)) assert.fail(fault);
      assert.ok(turns >= 1, "nothing else had its turn");
      const abort = new AbortController();
      setImmediate(() => abort.abort(new Error("enough")));
      await assert.rejects(async () => {
        for await (const fault of log.check(abort.signal)) assert.fail(fault);
      }, /enough/);
    } finally {
      clearInterval(other);
    }
  });

  it("keeps no memory of waits on a log that nobody appends to", async () => {
    const script = `
      const { openEventLog } = await import(${JSON.stringify(new URL("../open.ts", import.meta.url).href)});
      await using log = await openEventLog(\`embedded:\${process.argv[1]}\`);
      const { signal } = new AbortController();
      const bytes = async (rounds) => {
        for (let i = 0; i < rounds; i++) await Promise.all(Array.from({ length: 500 }, () => log.waitPast(0, 0, 1, signal)));
        gc();
        return process.memoryUsage().heapUsed;
      };
      const before = await bytes(20);
      console.log((await bytes(20)) - before);`;
    await using folder = await temporaryFolder();
    const args = ["--expose-gc", "--input-type=module", "-e", script, folder.path];
    const { stdout } = await promisify(execFile)(process.execPath, args);
    // Ten thousand waits; what kept them would keep some hundred bytes of each.
    assert.ok(Number(stdout) < 1_000_000, `${stdout.trim()} bytes more`);
  });
});

describe("embedded event log: a full disk", () => {
  it("refuses before it acknowledges, holds nothing of what it refused, and works again once there is room", async () => {
    await using folder = await temporaryFolder();
    const [taken, positions]: [LogRecord[], LogPosition[]] = [[], []];
    {
      await using log = await openEmbeddedEventLog({ folder: folder.path, pages_max: 60 });
      for (let refused = false; !refused; ) {
        const calls = Array.from({ length: 4 }, (_, call) => records(5, (i) => `key-${call}-${i}`));
        const results = await Promise.allSettled(calls.map((call) => log.append(call)));
        for (const [i, result] of results.entries()) {
          if (result.status === "fulfilled") {
            taken.push(...(calls[i] ?? []));
            positions.push(...result.value);
          } else assert.ok(storageFailed(result.reason), String(result.reason));
          refused ||= result.status === "rejected";
        }
      }
      assert.ok(taken.length > 100);
      await assertHeld(log, taken, positions);
      assert.equal((await content(log)).size, taken.length);
      await assert.rejects(log.append([{ key: "key", value: Buffer.alloc(100_000) }]), storageFailed);
      for await (const fault of log.check(new AbortController().signal)) assert.fail(fault);
    }
    await using roomy = await openEmbeddedEventLog({ folder: folder.path });
    await assertHeld(roomy, taken, positions);
    const more = records(200, (i) => `key-${i}`);
    positions.push(...(await roomy.append(more)));
    await assertHeld(roomy, [...taken, ...more], positions);
    assert.equal((await content(roomy)).size, taken.length + more.length);
  });

  it("refuses where the system lets no file grow further, in the middle of a write", async () => {
    const script = `
      const { openEventLog } = await import(${JSON.stringify(new URL("../open.ts", import.meta.url).href)});
      await using log = await openEventLog(\`embedded:\${process.argv[1]}\`);
      let refusals = 0;
      for (let call = 0; refusals < 3; call++) {
        const value = Buffer.from(\`call \${call} \`.repeat(200));
        try {
          const [{ partition, offset }] = await log.append([{ key: \`key-\${call % 20}\`, value }]);
          console.log(JSON.stringify({ partition, offset, call }));
        } catch (error) {
          console.log(JSON.stringify({ code: error.code, message: error.message }));
          refusals += 1;
        }
      }`;
    await using folder = await temporaryFolder();
    const args = [
      "-c",
      'ulimit -f 2000; exec "$@"',
      "sh",
      process.execPath,
      "--input-type=module",
      "-e",
      script,
      folder.path,
    ];
    const { stdout } = await promisify(execFile)("sh", args);
    const said = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as LogPosition & { readonly call: number; readonly code?: string });
    const taken = said.filter(({ code }) => code === undefined);
    assert.deepEqual(new Set(said.map(({ code }) => code)), new Set([undefined, "STORAGE_FAILED"]), stdout.slice(-500));
    assert.ok(taken.length > 20);
    await using log = await openEmbeddedEventLog({ folder: folder.path });
    const appended = taken.map(({ call }) => ({ key: "", value: Buffer.from(`call ${call} `.repeat(200)) }));
    await assertHeld(log, appended, taken);
    assert.equal((await content(log)).size, taken.length);
    for await (const fault of log.check(new AbortController().signal)) assert.fail(fault);
    await assertHeld(log, appended, await log.append(appended));
  });

  it("says so where it cannot be opened at all", async () => {
    await using folder = await temporaryFolder();
    await assert.rejects(openEmbeddedEventLog({ folder: join(folder.path, "x"), pages_max: 1 }), storageFailed);
    await writeFile(join(folder.path, "file"), "");
    await assert.rejects(openEmbeddedEventLog({ folder: join(folder.path, "file", "log") }), storageFailed);
  });
});
