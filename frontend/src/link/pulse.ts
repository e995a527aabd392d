/**
 * The heartbeat of the line. Each beat asks how far the exchange has told this connection
 * (docs/market-data.md, "Proof of life"): its answer stands in one queue with all pushes, so what
 * was lost on the way shows at once, and what is known by then is as new as the question.
 */

import { ApiError } from "./rest.ts";

/** How often somebody who looks asks; how often a page that nobody sees does. */
export const BEAT_MS = 300;
export const HIDDEN_BEAT_MS = 5_000;
/** After so long without a word the line is given up, however open it looks. */
export const SILENT_MS = 4_000;
/** Everything is subscribed anew this often at most. */
export const RENEW_MS = 1_000;
/** For so long an exchange that knows no pulse is pinged. */
export const PINGS_MS = 30_000;

/** How far the exchange is in the market that was asked about. */
export interface MarketPulse {
  symbol: string;
  is_live: boolean;
  sequence: number;
  trade_id: string | null;
  counted_at: string | null;
}

interface Answer {
  time: string;
  pushes: number;
  market: MarketPulse | null;
}

/** A beat that was answered, and found nothing lost. */
export interface Beat {
  /** When it was asked: whatever the exchange told is at least as new. */
  sentMs: number;
  latencyMs: number;
  /** By the clock of the exchange; null where it knows no pulse. */
  time: string | null;
  market: MarketPulse | null;
}

/** What a pulse needs of the socket. */
export interface Line {
  readonly isOpen: boolean;
  /** Pushes that came in on this connection, what came twice once. */
  pushes: number;
  /** When the last message came in. */
  readonly heardMs: number;
  request<T>(method: string, params: unknown): Promise<T>;
  renewAll(): void;
  drop(): void;
}

export class Pulse {
  readonly #line: Line;
  readonly #symbolOf: () => string | null;
  readonly #onBeat: (beat: Beat) => void;
  readonly #nowMs: () => number;
  #sentMs = -Infinity;
  #renewedMs = -Infinity;
  /** Beats that have no answer yet, and when the oldest of them was sent that nothing has followed. */
  #waiting = 0;
  #firstSentMs = 0;
  /** Until then the exchange is asked for no more than an answer. */
  #pingsUntilMs = -Infinity;

  constructor(
    line: Line,
    symbolOf: () => string | null,
    onBeat: (beat: Beat) => void,
    nowMs: () => number = () => performance.now(),
  ) {
    this.#line = line;
    this.#symbolOf = symbolOf;
    this.#onBeat = onBeat;
    this.#nowMs = nowMs;
  }

  /** Beat where it is time to; to be called often. */
  tick(isHidden: boolean): void {
    const now = this.#nowMs();
    if (!this.#line.isOpen) return;
    if (this.#waiting > 0 && now - Math.max(this.#line.heardMs, this.#firstSentMs) > SILENT_MS) {
      this.#line.drop();
      return;
    }
    if (now - this.#sentMs >= (isHidden ? HIDDEN_BEAT_MS : BEAT_MS)) void this.beat();
  }

  async beat(): Promise<void> {
    const sentMs = this.#nowMs();
    const symbol = this.#symbolOf();
    this.#sentMs = sentMs;
    if (this.#waiting === 0) this.#firstSentMs = sentMs;
    this.#waiting += 1;
    try {
      if (sentMs < this.#pingsUntilMs) {
        await this.#line.request("ping", {});
        return this.#onBeat({ sentMs, latencyMs: this.#nowMs() - sentMs, time: null, market: null });
      }
      const answer = await this.#line.request<Answer>("pulse", symbol ? { market: symbol } : {});
      // Nothing else was read since: pushes that stood before the answer have been counted.
      if (!this.#isWhole(answer.pushes)) return;
      const latencyMs = this.#nowMs() - sentMs;
      this.#onBeat({ sentMs, latencyMs, time: answer.time, market: answer.market });
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      // A web process of another version, or a market that it does not know yet: it answers, no more.
      if (error.code.endsWith("not_found")) this.#pingsUntilMs = this.#nowMs() + PINGS_MS;
    } finally {
      this.#waiting -= 1;
    }
  }

  /** Compare what came in with what was sent; where it is not that, everything begins anew. */
  #isWhole(sent: number): boolean {
    const isLost = this.#line.pushes !== sent;
    if (isLost && this.#nowMs() - this.#renewedMs < RENEW_MS) return false;
    this.#line.pushes = sent;
    if (!isLost) return true;
    console.warn("messages of the exchange were lost: subscribing anew");
    this.#renewedMs = this.#nowMs();
    this.#line.renewAll();
    return false;
  }
}
