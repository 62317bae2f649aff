/** A process of its own in a contract suite: what it prints, and its sudden death. */
import { strict as assert } from "node:assert";
import { spawn } from "node:child_process";
import { once } from "node:events";

/** Whatever takes longer hangs; a wrong engine must fail a test, not stop it. */
export const HANGS_MS = 30_000;

/**
 * Lines that a script prints on its standard output. It is killed (SIGKILL) once it has printed `killAfter` of them;
 * without that it must end by itself, with exit code 0.
 *
 * @param args strings that the script finds in `process.argv` from 2 on.
 */
export async function linesOfChild(script: URL, args: readonly string[], killAfter?: number): Promise<string[]> {
  const child = spawn(process.execPath, [script.pathname, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  const exited = once(child, "exit");
  const hangs = setTimeout(() => child.kill("SIGKILL"), HANGS_MS);
  const lines: string[] = [];
  let rest = "";
  try {
    for await (const chunk of child.stdout.setEncoding("utf8")) {
      const parts = `${rest}${chunk}`.split("\n");
      rest = parts.pop() ?? "";
      lines.push(...parts);
      if (lines.length >= (killAfter ?? Number.POSITIVE_INFINITY)) child.kill("SIGKILL");
    }
  } finally {
    clearTimeout(hangs);
    child.kill("SIGKILL");
  }
  const [code, signal] = (await exited) as [number | null, string | null];
  if (killAfter === undefined) assert.deepEqual([code, signal], [0, null]);
  else assert.ok(lines.length >= killAfter, `the child ended (${code ?? signal}) after ${lines.length} lines`);
  return lines;
}

/** Resolves once `holds` gives true, asked again and again; rejects with `what` where it never does. */
export async function eventually(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + HANGS_MS;
  while (!(await holds())) {
    assert.ok(performance.now() < deadline, `this never came: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** The promise, or a rejection with `what` where it never settles. */
export async function settles<T>(what: string, promise: PromiseLike<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const hangs = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new assert.AssertionError({ message: `this hangs: ${what}` })), HANGS_MS);
  });
  try {
    return await Promise.race([promise, hangs]);
  } finally {
    clearTimeout(timer);
  }
}
