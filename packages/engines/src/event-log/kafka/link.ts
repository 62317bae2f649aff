/**
 * One connection to one broker. The only file that reaches into kafkajs' inner modules (2.2.4, whose upkeep has ended:
 * they change no more): its connection, authentication, and the requests that are rare enough for its encoders.
 */
import { createRequire } from "node:module";
import { connect as connectTcp, isIP, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import type { BrokerAddress, KafkaAccess } from "./settings.ts";
import type { WireRequest } from "./wire.ts";

const CLIENT_ID = "medtrace";
const CONNECT_MS_MAX = 3_000;
const AUTHENTICATE_MS_MAX = 5_000;
const KEEP_ALIVE_MS = 30_000;
/** A connection is replaced so long before the broker wants to hear its password again (KIP-368). */
const SESSION_LEFT_MS_MIN = 2_000;

/** Requests that kafkajs encodes. */
export type ApiName =
  | "Metadata"
  | "ListOffsets"
  | "InitProducerId"
  | "CreateTopics"
  | "DeleteTopics"
  | "DescribeConfigs"
  | "GroupCoordinator"
  | "JoinGroup"
  | "SyncGroup"
  | "Heartbeat"
  | "LeaveGroup";

interface TheirRequest {
  readonly request: unknown;
  readonly response: unknown;
}

interface TheirConnection {
  send(request: TheirRequest): Promise<unknown>;
}

interface TheirBroker {
  readonly connectionPool: { readonly pool: readonly TheirConnection[] };
  connect(): Promise<void>;
  isConnected(): boolean;
  lookupRequest(apiKey: number, definition: unknown): (args: object) => TheirRequest;
}

interface SocketOptions {
  readonly host: string;
  readonly port: number;
  readonly ssl?: object;
  readonly onConnect: () => void;
}

type Constructor<Options, Made> = new (options: Options) => Made;

const require = createRequire(import.meta.url);
const Broker = require("kafkajs/src/broker") as Constructor<object, TheirBroker>;
const ConnectionPool = require("kafkajs/src/network/connectionPool") as Constructor<
  object,
  TheirBroker["connectionPool"]
>;
const RequestQueue = require("kafkajs/src/network/requestQueue") as Constructor<object, object>;
const { requests } = require("kafkajs/src/protocol/requests") as { readonly requests: Record<string, unknown> };
const apiKeys = require("kafkajs/src/protocol/requests/apiKeys") as Record<string, number>;
const protocolErrors = require("kafkajs/src/protocol/error") as { createErrorFromCode(code: number): Error };

silenceTimers();

/** Its request queue starts a timer for every response, with a negative delay (its issue 1751): only for what waits. */
function silenceTimers(): void {
  interface Queue {
    readonly pending: readonly unknown[];
    scheduleCheckPendingRequests(this: Queue): void;
  }
  const queue = RequestQueue.prototype as Queue;
  const schedule = queue.scheduleCheckPendingRequests;
  queue.scheduleCheckPendingRequests = function () {
    if (this.pending.length > 0) schedule.call(this);
  };
}

const silent = { namespace: () => silent, debug() {}, info() {}, warn() {}, error() {} };

/** Kafka's error for a code, with its name in `type`. */
export function kafkaError(code: number): Error {
  return protocolErrors.createErrorFromCode(code);
}

/** A connection failed, or an answer did not come in time. */
export class LinkError extends Error {
  readonly retriable = true;
}

/** The outcome of `work`, or the error that `late` gives where there is none in time. */
export async function inTime<T>(work: Promise<T>, timeout_ms: number, late: () => Error): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(late()), timeout_ms);
  });
  try {
    return await Promise.race([work, over]);
  } finally {
    clearTimeout(timer);
  }
}

/** A connection that is open, and authenticated where that is wanted. Once it failed, it is of no use any more. */
export class Link {
  readonly #broker: TheirBroker;
  readonly #socket: () => Socket | undefined;
  readonly #address: string;
  #over = false;

  private constructor(broker: TheirBroker, socket: () => Socket | undefined, address: string) {
    this.#broker = broker;
    this.#socket = socket;
    this.#address = address;
  }

  /** @throws LinkError, or what authentication fails with. */
  static async open({ host, port }: BrokerAddress, access: KafkaAccess, signal: AbortSignal): Promise<Link> {
    let socket: Socket | undefined;
    const options = {
      host,
      port,
      logger: silent,
      clientId: CLIENT_ID,
      ssl: access.tls,
      sasl: access.sasl,
      connectionTimeout: CONNECT_MS_MAX,
      requestTimeout: AUTHENTICATE_MS_MAX,
      enforceRequestTimeout: false,
      reauthenticationThreshold: SESSION_LEFT_MS_MIN,
      socketFactory: (wanted: SocketOptions): Socket => {
        signal.throwIfAborted();
        socket = openSocket(wanted);
        return socket;
      },
    };
    const connectionPool = new ConnectionPool(options);
    const broker = new Broker({ connectionPool, logger: silent, allowAutoTopicCreation: false });
    const link = new Link(broker, () => socket, `${host}:${port}`);
    const end = (): void => link.end();
    signal.addEventListener("abort", end, { once: true });
    try {
      await link.#within(CONNECT_MS_MAX + AUTHENTICATE_MS_MAX, "connecting", broker.connect());
      return link;
    } catch (error) {
      link.end();
      throw error;
    } finally {
      signal.removeEventListener("abort", end);
    }
  }

  get usable(): boolean {
    return !this.#over && this.#broker.isConnected();
  }

  /** Sends a request that kafkajs encodes; resolves with its response as kafkajs reads it. */
  call(api: ApiName, args: object, timeout_ms: number): Promise<unknown> {
    return this.#send(api, this.#broker.lookupRequest(apiKeys[api] as number, requests[api])(args), timeout_ms);
  }

  /** Sends a request in bytes. */
  send<T>({ apiKey, apiVersion, apiName, body, read }: WireRequest<T>, timeout_ms: number): Promise<T> {
    // What kafkajs takes for one of its encoders.
    const encoded = { buf: body, buffer: body };
    const request = { apiKey, apiVersion, apiName, encode: async () => encoded };
    const response = {
      decode: async (bytes: Buffer) => ({ body: bytes }),
      parse: async (data: { body: Buffer }) => read(data.body),
    };
    return this.#send(apiName, { request, response }, timeout_ms) as Promise<T>;
  }

  #send(what: string, request: TheirRequest, timeout_ms: number): Promise<unknown> {
    const [connection] = this.#broker.connectionPool.pool;
    if (!this.usable || connection === undefined) return Promise.reject(this.#failure("is closed"));
    return this.#within(timeout_ms, what, connection.send(request));
  }

  /** A link that is too slow is ended: nothing that it was asked may happen to come later. */
  #within<T>(timeout_ms: number, what: string, work: Promise<T>): Promise<T> {
    return inTime(work, timeout_ms, () => {
      this.end();
      return this.#failure(`did not answer ${what} in ${timeout_ms} ms`);
    });
  }

  #failure(what: string): LinkError {
    return new LinkError(`the connection to Kafka at ${this.#address} ${what}`);
  }

  /** Closes the connection at once; whoever waits for an answer gets an error. */
  end(): void {
    if (this.#over) return;
    this.#over = true;
    this.#socket()?.destroy(this.#failure("was closed"));
  }
}

function openSocket({ host, port, ssl, onConnect }: SocketOptions): Socket {
  const servername = isIP(host) ? {} : { servername: host };
  const socket = ssl
    ? connectTls({ host, port, ...servername, ...ssl }, onConnect)
    : connectTcp({ host, port }, onConnect);
  socket.setKeepAlive(true, KEEP_ALIVE_MS);
  socket.setNoDelay(true);
  return socket;
}
