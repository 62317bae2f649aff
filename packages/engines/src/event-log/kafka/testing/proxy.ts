/** A proxy before a broker that knows one request from another: it counts them, and loses answers on demand. */
import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";

export const PRODUCE = 0;
export const FETCH = 1;

interface Seen {
  /** Requests of a kind that were sent on. */
  readonly counts: Map<number, number>;
  /** Produce requests without an answer, and the most that there ever were. */
  producing: number;
  producingMax: number;
}

export class BrokerProxy implements AsyncDisposable {
  readonly port: number;
  readonly #server: Server;
  readonly #target: () => number;
  readonly #sockets = new Set<Socket>();
  readonly #seen: Seen = { counts: new Map(), producing: 0, producingMax: 0 };
  /** Answers to produce requests that are not passed on; their connection is cut. */
  cutAnswers = 0;
  /** Nothing that brokers answer is passed on; connections stay. */
  silent = false;

  private constructor(server: Server, port: number, target: () => number) {
    this.#server = server;
    this.port = port;
    this.#target = target;
    server.on("connection", (client) => this.#join(client));
  }

  /** Listens on a free port. @param target the broker's port, asked at every connection. */
  static async listen(target: () => number): Promise<BrokerProxy> {
    const server = createServer();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as { readonly port: number };
    return new BrokerProxy(server, port, target);
  }

  /** How many requests of a kind were sent on. */
  count(apiKey: number): number {
    return this.#seen.counts.get(apiKey) ?? 0;
  }

  get producingMax(): number {
    return this.#seen.producingMax;
  }

  #join(client: Socket): void {
    const broker = connect(this.#target(), "127.0.0.1");
    const kinds = new Map<number, number>();
    const end = (): void => {
      for (const kind of kinds.values()) if (kind === PRODUCE) this.#seen.producing--;
      kinds.clear();
      client.destroy();
      broker.destroy();
      this.#sockets.delete(client);
    };
    this.#sockets.add(client);
    for (const socket of [client, broker]) socket.on("error", end).on("close", end);
    onFrames(client, (frame) => {
      const kind = frame.readInt16BE(4);
      kinds.set(frame.readInt32BE(8), kind);
      this.#seen.counts.set(kind, this.count(kind) + 1);
      if (kind === PRODUCE) this.#seen.producing++;
      this.#seen.producingMax = Math.max(this.#seen.producingMax, this.#seen.producing);
      broker.write(frame);
    });
    onFrames(broker, (frame) => {
      if (this.silent) return;
      const kind = kinds.get(frame.readInt32BE(4));
      kinds.delete(frame.readInt32BE(4));
      if (kind === PRODUCE) this.#seen.producing--;
      if (kind === PRODUCE && this.cutAnswers > 0) {
        this.cutAnswers--;
        end();
      } else client.write(frame);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }
}

/** Calls back with every whole frame of Kafka's protocol: a size, and so many bytes. */
function onFrames(socket: Socket, take: (frame: Buffer) => void): void {
  let rest: Buffer = Buffer.alloc(0);
  socket.on("data", (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 4 && rest.length >= 4 + rest.readInt32BE(0)) {
      const size = 4 + rest.readInt32BE(0);
      take(rest.subarray(0, size));
      rest = rest.subarray(size);
    }
  });
}
