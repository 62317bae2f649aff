/** `node src/main.ts FILE`: offline verification on the command line. The only file here that needs Node. */
import { type FileHandle, open } from "node:fs/promises";
import { parseArgs } from "node:util";
import { FILE_BYTES_MAX } from "./evidence.ts";
import { exitCode, reportText } from "./report.ts";
import { verifyEvidence } from "./verify.ts";

const USAGE = `Usage: node src/main.ts FILE [--trust KEY_OR_FILE]... [--require-trust] [--json]

Verifies an evidence file without any server.
  --trust KEY_OR_FILE  a verifier key (name+id+base64), or a file of them, one a line; may be repeated
  --require-trust      without a trusted key nothing is called proven
  --json               the verdict as JSON
Exit codes: 0 proven, 1 refuted, 2 cannot tell (or wrong usage).
`;
const KEY_FILE_BYTES_MAX = 65_536;

async function main(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      trust: { type: "string", multiple: true, default: [] },
      "require-trust": { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  const [file] = positionals;
  if (file === undefined || positionals.length > 1) throw new Error("one evidence file is expected");
  const trust = (await Promise.all(values.trust.map(keysOf))).flat();
  const verdict = await verifyEvidence(await readAtMost(file, FILE_BYTES_MAX + 1), {
    trust,
    requireTrust: values["require-trust"],
  });
  process.stdout.write(values.json ? `${JSON.stringify(verdict, null, 2)}\n` : reportText(verdict));
  return exitCode(verdict);
}

/** The keys that one `--trust` names. */
async function keysOf(keyOrFile: string): Promise<string[]> {
  if (/^[^+\s]+\+[0-9a-f]{8}\+/.test(keyOrFile)) return [keyOrFile];
  const text = new TextDecoder().decode(await readAtMost(keyOrFile, KEY_FILE_BYTES_MAX));
  const keys = text.split(/\r?\n/).filter((line) => line.trim() !== "" && !line.startsWith("#"));
  if (keys.length === 0) throw new Error(`--trust: ${keyOrFile} holds no key`);
  return keys.map((key) => key.trim());
}

/** The first bytes of a file, whatever its size or kind. */
async function readAtMost(path: string, bytesMax: number): Promise<Uint8Array> {
  const handle: FileHandle = await open(path, "r");
  try {
    const parts: Uint8Array[] = [];
    for (let length = 0; length < bytesMax; ) {
      const part = new Uint8Array(Math.min(1_048_576, bytesMax - length));
      const { bytesRead } = await handle.read(part, 0, part.length, null);
      if (bytesRead === 0) break;
      parts.push(part.subarray(0, bytesRead));
      length += bytesRead;
    }
    return new Uint8Array(await new Blob(parts as Uint8Array<ArrayBuffer>[]).arrayBuffer());
  } finally {
    await handle.close();
  }
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`cannot tell: ${error instanceof Error ? error.message : error}\n\n${USAGE}`);
  process.exitCode = 2;
}
