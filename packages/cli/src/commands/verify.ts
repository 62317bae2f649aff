/** `medtrace verify`: checks an evidence file offline. */
import { createReadStream } from "node:fs";
import { FILE_BYTES_MAX } from "@medtrace/verifier/evidence";
import { exitCode, reportText } from "@medtrace/verifier/report";
import { verifyEvidence } from "@medtrace/verifier/verify";
import { type AddCommand, type CommonOptions, describe, ending } from "../cli.ts";
import { Failure, fileFault } from "../failure.ts";

interface Options extends CommonOptions {
  readonly trust: readonly string[];
  readonly requireTrust: boolean;
}

const KEY_FILE_BYTES_MAX = 65_536;

export const addVerify: AddCommand = (program, cli) => {
  describe(program, {
    usage: "verify <file>",
    summary: "check an evidence file, without asking anyone",
    description:
      "Checks an evidence file from the signature down, and says what was proved and what was taken on trust. Nothing is\n" +
      "fetched. Give the ledger's verifier key with --trust: without it, the key that came in the file is believed.",
    examples: [
      "medtrace verify evidence.json",
      "medtrace verify evidence.json --trust ledger.vkey --require-trust",
      "medtrace verify evidence.json --json | jq .verdict",
    ],
    exits: "0 proven, 1 refuted (the report says what), 2 cannot tell",
  })
    .option(
      "--trust <key>",
      "a verifier key (name+id+base64), or a file of them, one a line; may be repeated",
      collect,
      [],
    )
    .option("--require-trust", "without a trusted key nothing is called proven", false)
    .action(
      ending(async (file: string, options: Options) => {
        const trust = (await Promise.all(options.trust.map(keysOf))).flat();
        const bytes = await readAtMost(file, FILE_BYTES_MAX);
        const verdict = await verifyEvidence(bytes, { trust, requireTrust: options.requireTrust });
        cli.out(options.json ? `${JSON.stringify(verdict)}\n` : reportText(verdict));
        return exitCode(verdict);
      }),
    );
};

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}

/** The keys that one `--trust` names. */
async function keysOf(keyOrFile: string): Promise<readonly string[]> {
  if (/^[^+\s]+\+[0-9a-f]{8}\+/.test(keyOrFile)) return [keyOrFile];
  const text = (await readAtMost(keyOrFile, KEY_FILE_BYTES_MAX)).toString("utf8");
  const lines = text.split(/\r?\n/).map((line) => line.trim());
  const keys = lines.filter((line) => line !== "" && !line.startsWith("#"));
  if (keys.length === 0) throw new Failure("the file holds no key", { at: keyOrFile });
  return keys;
}

/** The whole file, whatever it is: of a device, or a pipe, the size is known only once it has ended. */
async function readAtMost(path: string, bytesMax: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  let length = 0;
  try {
    for await (const part of createReadStream(path, { end: bytesMax })) {
      parts.push(part as Buffer);
      length += (part as Buffer).length;
    }
  } catch (cause) {
    const fault = fileFault(cause);
    throw fault === undefined ? cause : new Failure(fault, { at: path, cause });
  }
  if (length > bytesMax) throw new Failure(`the file is larger than ${bytesMax} bytes`, { at: path });
  return Buffer.concat(parts);
}
