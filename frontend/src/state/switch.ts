/**
 * The dead-man's switch: all open orders are cancelled unless this page puts it off in time
 * (`cancelAllAfter`, docs/market-data.md). The exchange has one for all of a person's sessions, so one
 * page at a time holds it; the others of this browser know which, and can take it over.
 */

import { Signal } from "../core/signal.ts";
import { ApiError } from "../link/rest.ts";

/** What can be chosen, in seconds. */
export const SECONDS: readonly number[] = [15, 30, 60, 300];
/** Put off this often within its time: two of three may fail. */
const TIMES = 3;
/** What the exchange did not take is tried again after this. */
const AGAIN_MS = 1_000;

/** What pages of one browser know of it. */
export interface Held {
  page: string;
  seconds: number;
  /** When it fires unless put off, in milliseconds since 1970. */
  untilMs: number;
}

export interface Shelf {
  read(): Held | null;
  write(held: Held | null): void;
}

export interface SwitchParts {
  /** Set the exchange's timer; 0 ends it. */
  set: (timeoutMs: number) => Promise<unknown>;
  shelf: Shelf;
  /** This page, and the one it was before it was loaded anew. */
  page: string;
  before: string | null;
  nowMs: () => number;
}

export type SwitchState = "off" | "on" | "elsewhere" | "fired";

export class DeadMansSwitch {
  readonly changed = new Signal<null>(null);
  readonly #parts: SwitchParts;
  #state: SwitchState = "off";
  #seconds = 30;
  #untilMs = 0;
  #sentMs = -Infinity;
  #isEnding = false;
  /** Counts what was wanted, so that a late answer to something else is recognised. */
  #turn = 0;
  /** Why the exchange has not taken it; empty where it has. */
  error = "";

  constructor(parts: SwitchParts) {
    this.#parts = parts;
    const held = parts.shelf.read();
    if (held && parts.before !== null && held.page === parts.before && held.untilMs > parts.nowMs()) {
      // The line is not there yet: it is put off as soon as it is.
      this.#state = "on";
      this.#seconds = held.seconds;
      this.#untilMs = held.untilMs;
      parts.shelf.write({ ...held, page: parts.page });
    } else this.look();
  }

  get state(): SwitchState {
    return this.#state;
  }

  /** Whether it is to be on: what was asked for counts before it is answered. */
  get isWanted(): boolean {
    return this.#state === "on" && !this.#isEnding;
  }

  get seconds(): number {
    return this.#seconds;
  }

  /** How long until it fires; null where this page does not hold it. */
  get leftMs(): number | null {
    return this.#state === "on" && this.#untilMs ? Math.max(0, this.#untilMs - this.#parts.nowMs()) : null;
  }

  get #periodMs(): number {
    return (this.#seconds * 1_000) / TIMES;
  }

  /** Hold it here from now on, whoever did before. */
  async turnOn(seconds: number): Promise<void> {
    this.#turn += 1;
    this.#seconds = seconds;
    this.#untilMs = 0;
    this.#become("on");
    await this.#putOff();
    if (this.error && !this.#untilMs) this.#become("off");
  }

  async turnOff(): Promise<void> {
    this.#turn += 1;
    this.error = "";
    // Until that is answered nothing puts it off: it would be on again.
    this.#isEnding = true;
    try {
      await this.#parts.set(0);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.error = `It is still on: ${error.message}`;
      return;
    } finally {
      this.#isEnding = false;
      this.changed.notify();
    }
    this.#parts.shelf.write(null);
    this.#become("off");
  }

  /** Put it off where it is time to, and see whether it has fired; to be called often. */
  tick(): void {
    if (this.#state !== "on") return this.look();
    const now = this.#parts.nowMs();
    if (this.#untilMs && now >= this.#untilMs) {
      this.#turn += 1;
      this.#parts.shelf.write(null);
      this.#become("fired");
    } else if (!this.#isEnding && now - this.#sentMs >= this.#periodMs) void this.#putOff();
    else this.changed.notify();
  }

  /** See whether another page of this browser holds it. */
  look(): void {
    const held = this.#parts.shelf.read();
    const isElsewhere = held !== null && held.page !== this.#parts.page && held.untilMs > this.#parts.nowMs();
    if (isElsewhere) {
      this.#turn += 1;
      this.#seconds = held.seconds;
      this.#become("elsewhere");
    } else if (this.#state === "elsewhere") this.#become("off");
  }

  async #putOff(): Promise<void> {
    const turn = this.#turn;
    const sentMs = this.#parts.nowMs();
    this.#sentMs = sentMs;
    try {
      await this.#parts.set(this.#seconds * 1_000);
      if (turn !== this.#turn) return;
      this.error = "";
      // Counted from its commit, which is later than that.
      this.#untilMs = sentMs + this.#seconds * 1_000;
      this.#parts.shelf.write({ page: this.#parts.page, seconds: this.#seconds, untilMs: this.#untilMs });
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (turn !== this.#turn) return;
      this.error = error.message;
      this.#sentMs = sentMs - this.#periodMs + AGAIN_MS;
    }
    this.changed.notify();
  }

  #become(state: SwitchState): void {
    this.#state = state;
    this.changed.notify();
  }
}
