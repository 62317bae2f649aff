/**
 * `npm run test:containers`: starts Kafka, MongoDB and Redis in containers, runs the tests of real engines on them, and
 * takes them down again. Arguments are files of tests in place of these.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { hasContainers, startContainedEngines } from "../testing/containers.ts";

const TESTS = ["packages/engines/src/**/*.test.ts", "e2e/src/engines.test.ts", "e2e/src/drain.test.ts"];

async function main(tests: readonly string[]): Promise<number> {
  if (!(await hasContainers())) {
    process.stdout.write("left out: engines in containers; start Docker, or run npm run test:engines on native ones\n");
    return 0;
  }
  process.stderr.write("starting Kafka, MongoDB and Redis in containers …\n");
  await using engines = await startContainedEngines();
  const child = spawn(process.execPath, ["--test", ...tests], {
    env: { ...process.env, ...engines.env },
    stdio: "inherit",
  });
  // Whoever interrupts this reaches the tests too; the containers are taken down once they have ended.
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => child.kill(signal));
  const [code] = (await once(child, "exit")) as [number | null];
  return code ?? 1;
}

const asked = process.argv.slice(2);
process.exitCode = await main(asked.length === 0 ? TESTS : asked);
