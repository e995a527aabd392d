/**
 * What the exchange says would become of the order in the form: asked for once the form rests, one
 * question at a time, and again while the book moves, but seldom.
 */

import { Signal } from "../core/signal.ts";
import { ApiError } from "../link/rest.ts";
import type { OrderPreview, PlaceOrderIn } from "../link/types.ts";

/** How long the form must rest; how old an answer gets; how long who was refused asks nothing. */
export const REST_MS = 350;
export const FRESH_MS = 3_000;
export const REFUSED_MS = 10_000;

export type AskPreview = (order: PlaceOrderIn) => Promise<OrderPreview>;

export class Preview {
  /** The answer about the order that is wanted; null while there is none. */
  readonly told = new Signal<OrderPreview | null>(null);
  readonly #ask: AskPreview;
  #wanted: { key: string; order: PlaceOrderIn } | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isAsking = false;
  /** When the next question may be asked. */
  #notBeforeMs = 0;

  constructor(ask: AskPreview) {
    this.#ask = ask;
  }

  /**
   * Say which order is in the form, null: none that could be placed. `typed`: what makes it another
   * one; a worst price that follows the book does not.
   */
  want(order: PlaceOrderIn | null, typed = JSON.stringify(order)): void {
    const key = order && typed;
    if (key === (this.#wanted?.key ?? null)) {
      if (this.#wanted && order) this.#wanted.order = order;
      return;
    }
    this.#wanted = order && key ? { key, order } : null;
    this.told.value = null;
    this.#plan(REST_MS);
  }

  /** Say that the book is another: an answer of before gets old. */
  move(): void {
    if (this.told.value) this.#plan(FRESH_MS);
  }

  #plan(afterMs: number): void {
    if (this.#timer !== undefined && afterMs > REST_MS) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (!this.#wanted) return;
    const waitMs = Math.max(afterMs, this.#notBeforeMs - Date.now());
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.#send();
    }, waitMs);
  }

  async #send(): Promise<void> {
    const wanted = this.#wanted;
    if (!wanted || this.#isAsking) return; // whoever is asking looks again
    this.#isAsking = true;
    try {
      const told = await this.#ask(wanted.order);
      if (this.#wanted === wanted) this.told.value = told;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      // The form itself says what is wrong with it; who asks too often is quiet for a while.
      this.#notBeforeMs = Date.now() + (error.status === 422 ? 0 : REFUSED_MS);
      if (this.#wanted === wanted) this.told.value = null;
    } finally {
      this.#isAsking = false;
    }
    if (this.#wanted && this.#wanted !== wanted) this.#plan(REST_MS);
  }
}
