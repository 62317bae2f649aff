/** Taste as a test: what a reader relies on when guessing where things are, and docs that keep up with the code. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import test from "node:test";
import { ERROR_CODES } from "@medtrace/shared/errors";

const ROOT = join(import.meta.dirname, "../..");
const LINES_MAX = 400;
const CODE_ROOTS = ["packages", "services", "chaincode", "bench", "e2e"];

/** What each room may import of ours (ARCHITECTURE.md has the same table). */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  "packages/shared": [],
  "packages/verifier": [],
  chaincode: ["shared"],
  "packages/engines": ["shared", "chaincode"],
  "packages/service-kit": ["shared"],
  "services/ingest": ["shared", "engines", "service-kit"],
  "services/ledger-writer": ["shared", "engines", "service-kit"],
  "services/query": ["shared", "engines", "service-kit", "verifier"],
};

/** Files that may open engines; every other file takes ports as arguments. */
const OPENS_ENGINES =
  /(^packages\/engines\/|\/main\.ts$|\/worker\.ts$|\/projector\/(thread|start|verify-projection|compare|rebuild)[\w-]*\.ts$|^packages\/cli\/|^bench\/|^e2e\/|\.test\.ts$|\/testing(\/|\.ts$))/;

const files: readonly { path: string; text: string }[] = CODE_ROOTS.flatMap((root) => walk(join(ROOT, root)))
  .filter((path) => path.endsWith(".ts"))
  .map((path) => ({ path: relative(ROOT, path), text: readFileSync(path, "utf8") }));

function walk(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    if (name === "node_modules" || name === "dist") return [];
    return statSync(path).isDirectory() ? walk(path) : [path];
  });
}

function importsOf(text: string): string[] {
  return [...text.matchAll(/(?:from|import)\s*\(?\s*["']([^"']+)["']/g)].map((match) => match[1] as string);
}

test("each room imports only the rooms that the map allows", () => {
  const wrong = files.flatMap(({ path, text }) => {
    const room = Object.keys(MAY_IMPORT).find((prefix) => path.startsWith(`${prefix}/`));
    if (room === undefined) return [];
    const own = room.split("/").at(-1) as string;
    return importsOf(text)
      .filter((from) => from.startsWith("@medtrace/"))
      .filter((from) => ![own, ...(MAY_IMPORT[room] ?? [])].includes(from.split("/")[1] as string))
      .map((from) => `${path} imports ${from}`);
  });
  assert.deepEqual(wrong, []);
});

test("only mains, workers and the embedded start open engines", () => {
  const wrong = files
    .filter(({ path }) => !OPENS_ENGINES.test(path))
    .flatMap(({ path, text }) =>
      importsOf(text)
        .filter((from) => from.startsWith("@medtrace/engines/"))
        .map((from) => `${path} imports ${from}`),
    );
  assert.deepEqual(wrong, []);
});

test("relative imports stay inside their package", () => {
  const wrong = files.flatMap(({ path, text }) => {
    const room = path
      .split("/")
      .slice(0, path.startsWith("packages/") || path.startsWith("services/") ? 2 : 1)
      .join("/");
    return importsOf(text)
      .filter((from) => from.startsWith("."))
      .filter((from) => !relative(ROOT, join(ROOT, dirname(path), from)).startsWith(`${room}/`))
      .map((from) => `${path} imports ${from}`);
  });
  assert.deepEqual(wrong, []);
});

test("only config.ts files, tests and the test rooms read the environment", () => {
  const wrong = files
    .filter(({ path }) => !/(\/config\.ts$|\.test\.ts$|\.contract\.ts$|^e2e\/|^bench\/|\/testing\/)/.test(path))
    .filter(({ text }) => text.includes("process.env"))
    .map(({ path }) => path);
  assert.deepEqual(wrong, []);
});

test("no file has grown past what can be known at a glance", () => {
  const wrong = files
    .filter(({ text }) => text.split("\n").length > LINES_MAX)
    .map(({ path, text }) => `${path}: ${text.split("\n").length} lines`);
  assert.deepEqual(wrong, []);
});

test("every source file is imported by another, is an entry, or is a test", () => {
  const imported = new Set(
    files.flatMap(({ path, text }) => [
      ...importsOf(text).map((from) => resolveImport(path, from)),
      ...[...text.matchAll(/new URL\(\s*["'](\.[^"']+)["']/g)].map((match) => resolveImport(path, match[1] as string)),
    ]),
  );
  const scripts = readFileSync(join(ROOT, "infra/native/up.sh"), "utf8");
  const entries = /(\.test\.ts|\.faults\.ts|\.clients\.ts|\.contract\.ts|\/main\.ts)$/;
  const dead = files
    .map(({ path }) => path)
    .filter((path) => !entries.test(path) && !imported.has(path) && !scripts.includes(path));
  assert.deepEqual(dead, []);
});

function resolveImport(from: string, target: string): string {
  if (target.startsWith(".")) return relative(ROOT, join(ROOT, dirname(from), target));
  const [, name, ...rest] = target.split("/");
  if (!target.startsWith("@medtrace/")) return target;
  const room = ["packages", "services", ""].map((root) => join(root, name as string)).find((path) => exists(path));
  return `${room}/src/${rest.join("/")}.ts`;
}

function exists(path: string): boolean {
  return statSync(join(ROOT, path), { throwIfNoEntry: false }) !== undefined;
}

test("docs/errors.md names every error code, and no other", () => {
  const documented = [...readFileSync(join(ROOT, "docs/errors.md"), "utf8").matchAll(/^\| `([A-Z_]+)` \|/gm)];
  assert.deepEqual(documented.map((match) => match[1]).sort(), Object.keys(ERROR_CODES).sort());
});

test("docs/configuration.md names every variable that a config.ts reads", () => {
  const documented = readFileSync(join(ROOT, "docs/configuration.md"), "utf8");
  const missing = files
    .filter(({ path }) => path.endsWith("/config.ts"))
    .flatMap(({ text }) => [...text.matchAll(/^\s+([A-Z][A-Z0-9_]+):/gm)].map((match) => match[1] as string))
    .filter((name) => !documented.includes(`\`${name}\``));
  assert.deepEqual(missing, []);
});

test("docs/metrics.md names every metric", () => {
  const documented = readFileSync(join(ROOT, "docs/metrics.md"), "utf8");
  const missing = files
    .filter(({ path }) => !path.endsWith(".test.ts"))
    .flatMap(({ text }) => [...text.matchAll(/name: "(medtrace_[a-z_]+)"/g)].map((match) => match[1] as string))
    .filter((name) => !documented.includes(`\`${name}\``));
  assert.deepEqual(missing, []);
});

test("dashboards and alerts ask for documented metrics, and name runbooks that are there", () => {
  const documented = readFileSync(join(ROOT, "docs/metrics.md"), "utf8");
  const folder = "infra/grafana/dashboards";
  const asked = [...readdirSync(join(ROOT, folder)).map((name) => join(folder, name)), "infra/prometheus/alerts.yml"];
  const text = asked.map((path) => readFileSync(join(ROOT, path), "utf8")).join("\n");
  const metrics = new Set(
    text.match(/medtrace_[a-z_]+[a-z]/g)?.map((name) => name.replace(/_seconds_(bucket|count)$/, "_seconds")),
  );
  const unknown = [...metrics]
    .map((name) => name.replace(/_count_bucket$/, "_count"))
    .filter((name) => !documented.includes(`\`${name}\``));
  assert.deepEqual(unknown, []);
  const runbooks = new Set(text.match(/docs\/runbooks\/[a-z-]+\.md/g));
  assert.deepEqual(
    [...runbooks].filter((path) => !exists(path)),
    [],
  );
});
