/** A line to no exchange: tests push what an exchange would, and see what it is asked. */

import type { Rest } from "../src/link/rest.ts";
import type { Push, Socket, Topic } from "../src/link/socket.ts";
import type { Market } from "../src/link/types.ts";
import { Exchange } from "../src/state/exchange.ts";

export interface Followed {
  topic: Topic;
  push: (data: unknown) => void;
  /** Begin (anew), as the socket does before the first push of every subscription. */
  start: () => unknown;
  renewals: number;
  isWhole: boolean;
  isClosed: boolean;
}

/** An exchange that serves `answers` by path, and what was followed, oldest first. */
export function exchangeOf(answers: Record<string, unknown> = {}): [Exchange, Followed[]] {
  const followed: Followed[] = [];
  const subscribe = (topic: Topic, onPush: (push: Push) => void, onStart: () => unknown) => {
    const entry: Followed = {
      topic,
      push: (data) => onPush({ data }),
      start: onStart,
      renewals: 0,
      isWhole: true,
      isClosed: false,
    };
    followed.push(entry);
    return {
      get isWhole() {
        return entry.isWhole;
      },
      renew: () => (entry.renewals += 1),
      close: () => (entry.isClosed = true),
    };
  };
  const rest = { get: (path: string) => Promise.resolve(answers[path]) } as Rest;
  const config = {
    market: "BTC/USD",
    user: null,
    accounts: [],
    demo: false,
    faucet: false,
    csrf_cookie: "csrf",
    version: "0",
  };
  return [new Exchange(config, rest, { subscribe } as unknown as Socket), followed];
}

export function marketOf(symbol: string): Market {
  return { symbol } as Market;
}
