#!/usr/bin/env node
// Runs the command line on Node 24 or newer: this Node, or the one that the project installed beside its packages.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const WANTED = 24;
const here = dirname(fileURLToPath(import.meta.url));

if (Number.parseInt(process.versions.node, 10) >= WANTED) {
  await import("../src/main.ts");
} else {
  const node = findNode(here);
  if (node === undefined) {
    process.stderr.write(
      `medtrace: this is Node ${process.versions.node}, too old (wants ${WANTED}) — run npm ci, which installs it, or install Node ${WANTED}\n`,
    );
    process.exitCode = 2;
  } else runOn(node);
}

/** node_modules/.bin/node of this folder or of one above it. */
function findNode(folder) {
  const node = join(folder, "node_modules", ".bin", process.platform === "win32" ? "node.cmd" : "node");
  if (existsSync(node)) return node;
  return dirname(folder) === folder ? undefined : findNode(dirname(folder));
}

function runOn(node) {
  const child = spawn(node, [join(here, "../src/main.ts"), ...process.argv.slice(2)], { stdio: "inherit" });
  // A terminal sends Ctrl-C to both; what is sent to this process alone is passed on.
  process.on("SIGINT", () => undefined);
  for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("error", (error) => {
    process.stderr.write(`medtrace: ${node} cannot be run: ${error.message}\n`);
    process.exitCode = 2;
  });
  child.on("exit", (code) => {
    process.exitCode = code ?? 2;
  });
}
