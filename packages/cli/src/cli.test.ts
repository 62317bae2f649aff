import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { describe as suite, test } from "node:test";
import { promisify } from "node:util";
import { MedtraceError } from "@medtrace/shared/errors";
import { type AddCommand, type CommonOptions, describe, ending, wholeOption } from "./cli.ts";
import { Failure } from "./failure.ts";
import { run } from "./testing/terminal.ts";

const command =
  (action: (options: CommonOptions & { count: number }) => Promise<number>): AddCommand =>
  (program) => {
    const text = {
      usage: "try",
      summary: "tries",
      description: "Tries it.",
      examples: ["medtrace try"],
      exits: "0 done",
    };
    describe(program, text)
      .option("--count <n>", "how often", wholeOption("--count", 1, 10), 1)
      .action(ending(action));
  };

suite("command line", () => {
  test("a command's number is the exit code", async () => {
    for (const code of [0, 1, 2]) assert.equal((await run(["try"], [command(async () => code)], {})).code, code);
  });

  test("help names examples and exit codes, and is no failure", async () => {
    const { code, out, err } = await run(["try", "--help"], [command(async () => 0)], {});
    assert.deepEqual([code, err], [0, ""]);
    assert.match(out, /Examples:\n {2}medtrace try\n\nExit codes: 0 done/);
    assert.match(out, /--json/);
  });

  test("wrong usage ends with 2 and says what is wrong", async () => {
    for (const args of [["tri"], ["try", "--nope"], ["try", "spare"], ["try", "--count"], []]) {
      const { code, out, err } = await run(args, [command(async () => 0)], {});
      assert.deepEqual([code, out], [2, ""], args.join(" "));
      assert.ok(err.length > 0);
    }
    const { code, err } = await run(["try", "--count", "11"], [command(async () => 0)], {});
    assert.deepEqual([code, err], [2, "medtrace: wants a whole number from 1 to 10 (--count)\n"]);
  });

  test("an error is told as what, where and what to do, without a stack", async () => {
    const failing = command(async () => {
      throw new MedtraceError("CONFIGURATION", "the port is taken", { at: "QUERY_PORT", hint: "set another" });
    });
    const { code, out, err } = await run(["try"], [failing], {});
    assert.deepEqual([code, out, err], [2, "", "medtrace: the port is taken (QUERY_PORT) — set another\n"]);
    assert.match((await run(["try", "--debug"], [failing], {})).err, /at .*cli\.test\.ts/);
  });

  test("with --json an error is JSON", async () => {
    const failing = command(async () => {
      throw new Failure("no such record", { at: "x", hint: "check it", exitCode: 1 });
    });
    const { code, err } = await run(["try", "--json"], [failing], {});
    assert.equal(code, 1);
    assert.deepEqual(JSON.parse(err), { error: { message: "no such record", at: "x", hint: "check it" } });
  });

  test("the executable runs, and knows every command", async () => {
    const bin = join(import.meta.dirname, "..", "bin", "medtrace.mjs");
    const { stdout } = await promisify(execFile)(process.execPath, [bin, "--help"]);
    for (const name of [
      "start",
      "token",
      "publish",
      "simulate",
      "trace",
      "evidence",
      "verify",
      "fsck",
      "audit",
      "rebuild",
    ]) {
      assert.match(stdout, new RegExp(`^ {2}${name}\\b`, "m"));
    }
  });
});
