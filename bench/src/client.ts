/**
 * An HTTP/1.1 client that costs little, since the load shares the machine with what it measures: one keep-alive
 * socket, one request at a time, requests as ready bytes. It reads answers with Content-Length or in chunks.
 */
import { once } from "node:events";
import { connect, type Socket } from "node:net";

const REQUEST_MS_MAX = 60_000;
const HEAD_END = Buffer.from("\r\n\r\n");

export interface Answer {
  readonly status: number;
  readonly body: Buffer;
}

/** Bytes of a request. `path` and header values are sent as they are. */
export function requestBytes(
  method: "GET" | "POST",
  path: string,
  headers: Readonly<Record<string, string>>,
  body = "",
): Buffer {
  const lines = Object.entries({ host: "localhost", ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
  const length = method === "POST" ? `content-length: ${Buffer.byteLength(body)}\r\n` : "";
  return Buffer.from(`${method} ${path} HTTP/1.1\r\n${lines.join("")}${length}\r\n${body}`);
}

export class Connection implements Disposable {
  readonly #socket: Socket;
  #received: Buffer = Buffer.alloc(0);
  #waiting: PromiseWithResolvers<Answer> | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.setTimeout(REQUEST_MS_MAX, () => socket.destroy(new Error(`no answer in ${REQUEST_MS_MAX} ms`)));
    socket.on("data", (data: Buffer) => this.#take(data));
    socket.on("error", (error) => this.#waiting?.reject(error));
    socket.on("close", () => this.#waiting?.reject(new Error("the server closed the connection")));
  }

  /** Opens a connection to the host and port of a URL. */
  static async open(url: string): Promise<Connection> {
    const { hostname, port } = new URL(url);
    const socket = connect({ host: hostname, port: Number(port) });
    await once(socket, "connect");
    return new Connection(socket);
  }

  /** Sends one request and waits for its answer; rejects where the connection fails or closes. */
  send(request: Buffer): Promise<Answer> {
    if (this.#waiting !== undefined) throw new Error("one request at a time");
    const waiting = Promise.withResolvers<Answer>();
    this.#waiting = waiting;
    this.#socket.write(request);
    return waiting.promise;
  }

  #take(data: Buffer): void {
    this.#received = this.#received.length === 0 ? data : Buffer.concat([this.#received, data]);
    const answer = parseAnswer(this.#received);
    if (answer === undefined) return;
    this.#received = Buffer.alloc(0);
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.resolve(answer);
  }

  [Symbol.dispose](): void {
    this.#socket.removeAllListeners("close").destroy();
  }
}

/** The answer, once all of it is there. */
function parseAnswer(bytes: Buffer): Answer | undefined {
  const end = bytes.indexOf(HEAD_END);
  if (end < 0) return undefined;
  const head = bytes.toString("latin1", 0, end + 2);
  const rest = bytes.subarray(end + HEAD_END.length);
  const status = Number(head.slice(9, 12));
  if (/\r\ntransfer-encoding: *chunked\r\n/i.test(head)) {
    const body = joinChunks(rest);
    return body === undefined ? undefined : { status, body };
  }
  const length = Number(/\r\ncontent-length: *(\d+)\r\n/i.exec(head)?.[1] ?? 0);
  return rest.length < length ? undefined : { status, body: rest.subarray(0, length) };
}

function joinChunks(bytes: Buffer): Buffer | undefined {
  const chunks: Buffer[] = [];
  for (let at = 0; ; ) {
    const line = bytes.indexOf("\r\n", at);
    if (line < 0) return undefined;
    const size = Number.parseInt(bytes.toString("latin1", at, line), 16);
    const next = line + 2 + size + 2;
    if (bytes.length < next) return undefined;
    if (size === 0) return Buffer.concat(chunks);
    chunks.push(bytes.subarray(line + 2, next - 2));
    at = next;
  }
}

export interface Looped {
  readonly perSecond: number;
  readonly count: number;
}

/**
 * Closed loop: each of `connections` sends its next request once it has the answer to its last, for `seconds`.
 *
 * @param next bytes of the number-th request.
 * @param taken called for each answer; throws where it is not the one wanted.
 */
export async function closedLoop(
  url: string,
  connections: number,
  seconds: number,
  next: (number: number) => Buffer,
  taken: (answer: Answer) => void,
): Promise<Looped> {
  using open = new DisposableStack();
  const all = await Promise.all(Array.from({ length: connections }, () => Connection.open(url)));
  for (const connection of all) open.use(connection);
  let number = 0;
  let count = 0;
  const start = performance.now();
  const until = start + seconds * 1_000;
  await Promise.all(
    all.map(async (connection) => {
      while (performance.now() < until) {
        taken(await connection.send(next(number++)));
        count++;
      }
    }),
  );
  return { count, perSecond: (count * 1_000) / (performance.now() - start) };
}
