/** A page in headless Chromium, steered by the Chrome DevTools Protocol. For tests only. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { createInterface } from "node:readline";

const NAMES = ["chromium", "chromium-browser", "google-chrome"];
const START_MS_MAX = 60_000;

/** The browser on PATH, or undefined. */
export function findChromium(): string | undefined {
  // biome-ignore lint/style/noProcessEnv: PATH is where a browser is found
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  return folders.flatMap((folder) => NAMES.map((name) => join(folder, name))).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

interface Answer {
  readonly id?: number;
  readonly result?: unknown;
  readonly error?: { readonly message: string };
}

export class Page implements AsyncDisposable {
  readonly #browser: ChildProcess;
  readonly #profile: string;
  readonly #socket: WebSocket;
  readonly #waiting: Map<number, (answer: Answer) => void> = new Map();
  #session: string | undefined;
  #calls = 0;

  private constructor(browser: ChildProcess, profile: string, socket: WebSocket) {
    this.#browser = browser;
    this.#profile = profile;
    this.#socket = socket;
    socket.addEventListener("message", ({ data }) => {
      const answer = JSON.parse(String(data)) as Answer;
      this.#waiting.get(answer.id ?? 0)?.(answer);
      this.#waiting.delete(answer.id ?? 0);
    });
  }

  /** Opens a page without a network. */
  static async open(chromium: string, url: string): Promise<Page> {
    const profile = mkdtempSync(join(tmpdir(), "medtrace-chromium-"));
    const flags = [
      "--headless=new",
      "--remote-debugging-port=0",
      `--user-data-dir=${profile}`,
      "--no-first-run",
      "--disable-gpu",
      "--disable-dev-shm-usage",
      // It shows this project's page alone, and is refused its sandbox in containers and on many a CI's kernel.
      "--no-sandbox",
    ];
    const browser = spawn(chromium, [...flags, "about:blank"], { stdio: ["ignore", "ignore", "pipe"] });
    const socket = new WebSocket(await addressOf(browser));
    await once(socket, "open", { signal: AbortSignal.timeout(START_MS_MAX) });
    const page = new Page(browser, profile, socket);
    const { targetId } = await page.call<{ targetId: string }>("Target.createTarget", { url: "about:blank" });
    const { sessionId } = await page.call<{ sessionId: string }>("Target.attachToTarget", { targetId, flatten: true });
    page.#session = sessionId;
    const offline = { offline: true, latency: 0, downloadThroughput: 0, uploadThroughput: 0 };
    await page.call("Network.enable");
    await page.call("Network.emulateNetworkConditions", offline);
    await page.call("Page.navigate", { url });
    await page.until<boolean>("document.readyState === 'complete' && location.protocol !== 'about:'");
    return page;
  }

  /** One method of the protocol. */
  async call<T>(method: string, params: object = {}): Promise<T> {
    const id = ++this.#calls;
    const { promise, resolve } = Promise.withResolvers<Answer>();
    this.#waiting.set(id, resolve);
    const deadline = setTimeout(() => resolve({ error: { message: "no answer" } }), START_MS_MAX);
    this.#socket.send(JSON.stringify({ id, method, params, sessionId: this.#session }));
    const { result, error } = await promise;
    clearTimeout(deadline);
    if (error !== undefined) throw new Error(`${method}: ${error.message}`);
    return result as T;
  }

  async evaluate<T>(expression: string): Promise<T> {
    const { result } = await this.call<{ result: { value: T } }>("Runtime.evaluate", {
      expression,
      returnByValue: true,
    });
    return result.value;
  }

  /** The expression's value as soon as it is true. */
  async until<T>(expression: string): Promise<T> {
    for (const end = Date.now() + START_MS_MAX; Date.now() < end; ) {
      const value = await this.evaluate<T>(expression);
      if (value) return value;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`never true: ${expression}`);
  }

  /** Chooses files in an input, as its user does. */
  async choose(selector: string, files: readonly string[]): Promise<void> {
    const { root } = await this.call<{ root: { nodeId: number } }>("DOM.getDocument");
    const { nodeId } = await this.call<{ nodeId: number }>("DOM.querySelector", { nodeId: root.nodeId, selector });
    await this.call("DOM.setFileInputFiles", { nodeId, files });
  }

  /** Asked to, the browser ends its own processes first: one that is left writes to the profile again. */
  async [Symbol.asyncDispose](): Promise<void> {
    const gone = once(this.#browser, "exit");
    this.#session = undefined;
    await Promise.race([this.call("Browser.close"), gone]);
    const deadline = setTimeout(() => this.#browser.kill("SIGKILL"), START_MS_MAX);
    if (this.#browser.exitCode === null && this.#browser.signalCode === null) await gone;
    clearTimeout(deadline);
    this.#socket.close();
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
  }
}

/** The browser says it on stderr once it is there. */
async function addressOf(browser: ChildProcess): Promise<string> {
  if (browser.stderr === null) throw new Error("no stderr");
  const lines = createInterface({ input: browser.stderr });
  const timeout = setTimeout(() => lines.close(), START_MS_MAX);
  let said = "";
  for await (const line of lines) {
    said += `${line}\n`;
    const [, address] = /^DevTools listening on (ws:\/\/\S+)$/.exec(line) ?? [];
    if (address === undefined) continue;
    clearTimeout(timeout);
    browser.stderr.resume();
    return address;
  }
  clearTimeout(timeout);
  throw new Error(`no browser: ${said.slice(-2_000)}`);
}
