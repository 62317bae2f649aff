/**
 * `node browser/build.ts DIST`: joins the emitted modules into one page, DIST/verify.html, which opens from a file
 * (browsers refuse to load modules from files) and needs no network.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const dist = process.argv[2] ?? "dist";
const done = new Set<string>();

/** A module and those it imports, first those: each becomes a function that gives what it exports. */
function inlined(name: string): string {
  if (done.has(name)) return "";
  done.add(name);
  let before = "";
  const exported: string[] = [];
  const body = readFileSync(join(dist, `${name}.js`), "utf8")
    .replace(/^import \{([^}]*)\} from "\.\/([a-z-]+)\.js";$/gm, (_, names: string, from: string) => {
      before += inlined(from);
      return `const {${names.replaceAll(" as ", ": ")}} = modules["${from}"];`;
    })
    .replace(/^export ((?:async )?function|const|class) (\w+)/gm, (_, kind: string, one: string) => {
      exported.push(one);
      return `${kind} ${one}`;
    });
  if (/^(import|export)\b/m.test(body)) throw new Error(`${name}.js: an import or export that this build cannot join`);
  return `${before}modules["${name}"] = (() => {\n${body}\nreturn { ${exported.join(", ")} };\n})();\n`;
}

const page = readFileSync(new URL("page.html", import.meta.url), "utf8");
const script = `const modules = {};\n${inlined("verify")}${inlined("trust")}`;
writeFileSync(
  join(dist, "verify.html"),
  page.replace("/* VERIFIER */", () => script),
);
