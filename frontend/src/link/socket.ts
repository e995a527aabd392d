/**
 * The `/ws` connection: requests with replies, and subscriptions that survive reconnects. After every
 * (re)connect each subscription is made anew, and its reader is told first. `pulse.ts` is its heartbeat.
 */

import { ApiError } from "./rest.ts";

export type ConnectionState = "connecting" | "live" | "waiting" | "offline";

const REQUEST_TIMEOUT_MS = 8_000;
const BACKOFF_MIN_MS = 500;
const BACKOFF_MAX_MS = 15_000;
/** A connection that is not there, and somebody's, by then is tried anew. */
const CONNECT_MAX_MS = 10_000;
/** What was not subscribed, or not loaded, is tried again after this. */
const AGAIN_MS = 2_000;

interface Pending {
  resolve: (result: unknown) => void;
  reject: (error: ApiError) => void;
  timer: number;
}

export interface Topic {
  channel: string;
  market?: string;
  interval?: string;
}

export interface Push {
  market?: string | null;
  data: unknown;
  subscription_id?: string | number;
}

export interface Subscription {
  /** Whether it is made, and its reader has everything that it begins with. */
  readonly isWhole: boolean;
  /** Ask for a fresh start (a new snapshot) on the same connection. */
  renew(): void;
  close(): void;
}

interface Entry {
  topic: Topic;
  onPush: (push: Push) => void;
  onStart: () => unknown;
  /** Whether what `onStart` began is done. */
  isBegun: boolean;
  onRefused: ((error: ApiError) => void) | undefined;
  /** The server's id; null while there is none (not connected, or the reply is under way). */
  id: string | number | null;
  /** Counts renewals, so that the reply to an abandoned request is recognised. */
  turn: number;
}

interface Subscribed {
  subscriptionId: string | number;
}

interface Incoming {
  id?: string | number;
  result?: unknown;
  error?: { code: number | string; message: string; details?: unknown; data?: unknown };
  method?: string;
  params?: Push;
}

export class Socket {
  readonly #url: string;
  readonly #prepare: ((socket: Socket) => Promise<void>) | null;
  readonly #onState: (state: ConnectionState) => void;
  #socket: WebSocket | null = null;
  #isOpen = false;
  #pending = new Map<string, Pending>();
  #entries = new Set<Entry>();
  #steps = new Map<string, Promise<void>>();
  #nextId = 1;
  #attempts = 0;
  #retryTimer = 0;
  /** Pushes that came in on this connection, what came twice once, and when anything did. */
  pushes = 0;
  heardMs = 0;
  #heard = "";

  /** `prepare` runs on every new connection before anything is subscribed (to authenticate). */
  constructor(
    url: string,
    onState: (state: ConnectionState) => void,
    prepare: ((socket: Socket) => Promise<void>) | null = null,
  ) {
    this.#url = url;
    this.#onState = onState;
    this.#prepare = prepare;
    addEventListener("online", () => this.#connectNow());
    addEventListener("offline", () => this.#goOffline());
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden && !this.#socket) this.#connectNow();
    });
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  connect(): void {
    clearTimeout(this.#retryTimer);
    this.#onState("connecting");
    const socket = new WebSocket(this.#url);
    this.#socket = socket;
    this.pushes = 0;
    window.setTimeout(() => {
      if (this.#socket === socket && !this.#isOpen) this.drop();
    }, CONNECT_MAX_MS);
    socket.onopen = () => void this.#opened(socket);
    socket.onmessage = (event) => {
      // One that was given up may still have something to say.
      if (this.#socket === socket) this.#received(String(event.data));
    };
    socket.onclose = () => {
      if (this.#socket === socket) this.#closed();
    };
  }

  /** Send a request; rejects with ApiError, code `network` where no answer came. */
  request<T>(method: string, params: unknown): Promise<T> {
    const socket = this.#socket;
    if (socket?.readyState !== WebSocket.OPEN) {
      return Promise.reject(new ApiError("Not connected.", "network", 0));
    }
    const id = String(this.#nextId++);
    return new Promise<T>((resolve, reject) => {
      const timer = window.setTimeout(() => {
        this.#pending.delete(id);
        reject(new ApiError("The exchange did not answer in time.", "network", 0));
      }, REQUEST_TIMEOUT_MS);
      this.#pending.set(id, { resolve: resolve as (result: unknown) => void, reject, timer });
      socket.send(JSON.stringify({ id, method, params }));
    });
  }

  /**
   * Follow a topic; `onStart` is called before the first push of every (re)subscription, and where
   * it returns a promise that fails, again a little later; `onRefused` where the exchange does not
   * offer the topic.
   */
  subscribe(
    topic: Topic,
    onPush: (push: Push) => void,
    onStart: () => unknown = () => undefined,
    onRefused?: (error: ApiError) => void,
  ): Subscription {
    const entry: Entry = { topic, onPush, onStart, onRefused, isBegun: false, id: null, turn: 0 };
    this.#entries.add(entry);
    if (this.#isOpen) void this.#start(entry);
    return {
      get isWhole() {
        return entry.id !== null && entry.isBegun;
      },
      renew: () => this.#renew(entry),
      close: () => {
        this.#entries.delete(entry);
        this.#release(entry);
      },
    };
  }

  #renew(entry: Entry): void {
    if (!this.#isOpen) return;
    this.#release(entry);
    void this.#start(entry);
  }

  /** Begin every subscription anew, on the same connection: something was lost on it. */
  renewAll(): void {
    for (const entry of this.#entries) this.#renew(entry);
  }

  /** Give the connection up, which may look open for minutes yet, and make another. */
  drop(): void {
    const socket = this.#socket;
    if (!socket) return;
    socket.close();
    this.#closed();
  }

  async #opened(socket: WebSocket): Promise<void> {
    try {
      await this.#prepare?.(this);
    } catch (error) {
      // A session that has ended leaves the public part of the page working.
      if (!(error instanceof ApiError) || error.code === "network") return socket.close();
    }
    if (this.#socket !== socket) return;
    this.#isOpen = true;
    this.#attempts = 0;
    this.#onState("live");
    for (const entry of this.#entries) void this.#start(entry);
  }

  #closed(): void {
    this.#socket = null;
    this.#isOpen = false;
    for (const entry of this.#entries) {
      entry.id = null;
      entry.turn += 1;
    }
    for (const { reject, timer } of this.#pending.values()) {
      clearTimeout(timer);
      reject(new ApiError("The connection was lost.", "network", 0));
    }
    this.#pending.clear();
    if (!navigator.onLine) {
      this.#onState("offline");
      return;
    }
    const ceiling = Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** this.#attempts);
    this.#attempts += 1;
    this.#onState("waiting");
    // Jitter, so that a restarted server is not met by everybody in the same instant.
    const wait = ceiling / 2 + Math.random() * (ceiling / 2);
    this.#retryTimer = window.setTimeout(() => this.connect(), wait);
  }

  #connectNow(): void {
    this.#attempts = 0;
    if (!this.#socket) this.connect();
  }

  #goOffline(): void {
    this.drop();
    clearTimeout(this.#retryTimer);
    this.#onState("offline");
  }

  #begin(entry: Entry): void {
    const { turn } = entry;
    const isCurrent = () => entry.turn === turn && this.#entries.has(entry);
    entry.isBegun = false;
    Promise.resolve(entry.onStart()).then(
      () => {
        if (isCurrent()) entry.isBegun = true;
      },
      (error: unknown) => {
        console.warn("not loaded", entry.topic, error);
        window.setTimeout(() => isCurrent() && this.#begin(entry), AGAIN_MS);
      },
    );
  }

  async #start(entry: Entry): Promise<void> {
    entry.turn += 1;
    const turn = entry.turn;
    this.#begin(entry);
    await this.#inTurn(entry.topic, async () => {
      if (entry.turn !== turn || !this.#isOpen) return;
      try {
        const { subscriptionId } = await this.request<Subscribed>("subscribe", entry.topic);
        if (entry.turn === turn) entry.id = subscriptionId;
        else await this.request("unsubscribe", { subscriptionId });
      } catch (error) {
        const isRefusal = error instanceof ApiError && error.code !== "network";
        if (isRefusal && entry.onRefused) return entry.onRefused(error);
        // Nobody else would ask for it again while the connection lives.
        const isCurrent = () => entry.turn === turn && this.#isOpen && this.#entries.has(entry);
        window.setTimeout(() => isCurrent() && void this.#start(entry), AGAIN_MS);
        throw error;
      }
    });
  }

  #release(entry: Entry): void {
    const subscriptionId = entry.id;
    entry.id = null;
    entry.turn += 1;
    if (subscriptionId === null || !this.#isOpen) return;
    void this.#inTurn(entry.topic, () => this.request("unsubscribe", { subscriptionId }));
  }

  /**
   * Run what concerns one topic one after the other: its subscription id is the same each time, so
   * that a late unsubscribe would end the subscription that followed.
   */
  async #inTurn(topic: Topic, step: () => Promise<unknown>): Promise<void> {
    const key = JSON.stringify([topic.channel, topic.market, topic.interval]);
    const before = this.#steps.get(key) ?? Promise.resolve();
    const waiting: Promise<void> = before.then(step).then(
      () => undefined,
      (error: unknown) => {
        // A lost connection has taken its subscriptions with it, and the next one makes them anew.
        if (this.#isOpen) console.warn("subscription failed", topic, error);
      },
    );
    this.#steps.set(key, waiting);
    await waiting;
    if (this.#steps.get(key) === waiting) this.#steps.delete(key);
  }

  #received(text: string): void {
    this.heardMs = performance.now();
    const isRepeat = text === this.#heard;
    this.#heard = text;
    let message: Incoming;
    try {
      message = JSON.parse(text) as Incoming;
    } catch {
      console.warn("unreadable message", text.slice(0, 200));
      return;
    }
    if (message.method && message.params) {
      if (!isRepeat) this.pushes += 1;
      this.#pushed(message.method, message.params);
    } else if (message.id !== undefined) this.#replied(message);
  }

  #replied(message: Incoming): void {
    const id = String(message.id);
    const pending = this.#pending.get(id);
    if (!pending) return;
    this.#pending.delete(id);
    clearTimeout(pending.timer);
    const error = message.error;
    if (!error) {
      pending.resolve(message.result);
      return;
    }
    const data = error.data as { code?: string; details?: unknown } | undefined;
    const code = data?.code ?? String(error.code);
    const status = typeof error.code === "number" ? error.code : 0;
    pending.reject(new ApiError(error.message, code, status, error.details ?? data?.details));
  }

  #pushed(channel: string, push: Push): void {
    for (const entry of this.#entries) {
      if (entry.topic.channel !== channel) continue;
      const { market } = entry.topic;
      if (market && push.market && push.market !== market) continue;
      // Before the reply is in, a push of this topic can only be the new subscription's, or a
      // late one of the old: the readers drop what does not follow on.
      const isMine = entry.id === null || push.subscription_id == null;
      if (isMine || String(entry.id) === String(push.subscription_id)) entry.onPush(push);
    }
  }
}
