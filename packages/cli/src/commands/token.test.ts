import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { createTokenVerifier } from "@medtrace/service-kit/token";
import { authSettings } from "@medtrace/shared/config";
import { run } from "../testing/terminal.ts";
import { addToken } from "./token.ts";

const data = await mkdtemp(join(tmpdir(), "medtrace-token-"));
const env = { MEDTRACE_DATA: data };
after(() => rm(data, { recursive: true }));
const token = (...args: string[]) => run(["token", ...args], [addToken], env);

describe("medtrace token", () => {
  test("prints a token alone, which the services take", async () => {
    const { code, out, err } = await token("--institution", "lab-c", "--scope", "trace/events.write trace/unseal");
    assert.deepEqual([code, err], [0, ""]);
    assert.match(out, /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\n$/);
    const caller = await createTokenVerifier(authSettings(env)).verify(out.trim());
    assert.equal(caller.institution, "lab-c");
    assert.deepEqual([...caller.scopes], ["trace/events.write", "trace/unseal"]);
  });

  test("holds for as long as was asked, and names who uses it", async () => {
    const { out } = await token(
      "--institution",
      "a",
      "--scope",
      "trace/admin",
      "--expires",
      "2h",
      "--subject",
      "eve",
      "--json",
    );
    const { token: text, expires_s } = JSON.parse(out) as { token: string; expires_s: number };
    const claims = JSON.parse(Buffer.from(text.split(".")[1] ?? "", "base64url").toString()) as Record<string, number>;
    assert.equal(expires_s, 7_200);
    assert.equal((claims["exp"] ?? 0) - (claims["iat"] ?? 0), 7_200);
    assert.equal(claims["sub"], "eve");
  });

  test("refuses what no service would take, and says why", async () => {
    for (const [args, says] of [
      [["--institution", "a b", "--scope", "trace/admin"], /institution/],
      [["--institution", "a", "--scope", "trace/everything"], /no scope trace\/everything \(--scope\)/],
      [["--institution", "a", "--scope", " "], /--scope/],
      [["--institution", "a", "--scope", "trace/admin", "--expires", "soon"], /--expires/],
      [["--institution", "a", "--scope", "trace/admin", "--expires", "0"], /expires/],
      [["--institution", "a", "--scope", "trace/admin", "--expires", "9999d"], /expires/],
      [["--institution", "a"], /--scope/],
    ] as const) {
      const { code, out, err } = await token(...args);
      assert.deepEqual([code, out], [2, ""]);
      assert.match(err, says);
    }
  });
});
