/** `medtrace`: every command is a file in commands/ and one line here. */
import { type AddCommand, type Cli, runCli } from "./cli.ts";
import { addAudit } from "./commands/audit.ts";
import { addEvidence } from "./commands/evidence.ts";
import { addFsck } from "./commands/fsck.ts";
import { addPublish } from "./commands/publish.ts";
import { addRebuild } from "./commands/rebuild.ts";
import { addRedrive } from "./commands/redrive.ts";
import { addSimulate } from "./commands/simulate.ts";
import { addStart } from "./commands/start.ts";
import { addToken } from "./commands/token.ts";
import { addTrace } from "./commands/trace.ts";
import { addVerify } from "./commands/verify.ts";
import { processEnvironment } from "./config.ts";

const COMMANDS: readonly AddCommand[] = [
  addStart,
  addToken,
  addPublish,
  addSimulate,
  addTrace,
  addEvidence,
  addVerify,
  addFsck,
  addAudit,
  addRebuild,
  addRedrive,
];

const interrupted = new AbortController();
process.once("SIGINT", () => interrupted.abort());
// A reader that goes away, such as `head`, has seen enough.
process.stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : 2));

const cli: Cli = {
  env: processEnvironment(),
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  watched: process.stderr.isTTY === true,
  signal: interrupted.signal,
};
process.exitCode = await runCli(process.argv.slice(2), COMMANDS, cli);
