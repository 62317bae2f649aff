/** A proxy before a peer that can keep the peer's answers to itself, as a network does that fails in one direction. */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

export class DeafProxy implements AsyncDisposable {
  /** While true, what the client sends arrives, and what the peer answers is lost. */
  isDeaf = false;
  readonly #server: Server;
  readonly #sockets: Set<Socket> = new Set();

  private constructor(host: string, port: number) {
    this.#server = createServer((client) => {
      const peer = connect(port, host);
      for (const socket of [client, peer]) {
        this.#sockets.add(socket);
        socket.on("error", () => undefined);
        socket.on("close", () => {
          this.#sockets.delete(socket);
          client.destroy();
          peer.destroy();
        });
      }
      client.on("data", (chunk) => peer.write(chunk));
      peer.on("data", (chunk) => {
        if (!this.isDeaf) client.write(chunk);
      });
    });
  }

  /** Listens on a free port of loopback for this `host:port`. */
  static async before(peer: string): Promise<DeafProxy> {
    const [host = "", port = ""] = peer.split(":");
    const proxy = new DeafProxy(host, Number(port));
    await once(proxy.#server.listen(0, "127.0.0.1"), "listening");
    return proxy;
  }

  get address(): string {
    return `localhost:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Ends every connection; new ones are taken. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
