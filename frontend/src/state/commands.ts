/**
 * Orders as they are typed: `buy 0.1 btc 60000 po`, `sell 50% eth market`, `buy 500 usd btc mkt`,
 * `cancel all btc/usd`, `alert btc 65000`. What is read here fills the form, which checks it as if it were typed there.
 */

import { multiplyDown, parse, showAll, typed, write } from "../core/decimal.ts";
import type { Side } from "../link/messages.ts";
import type { Market } from "../link/types.ts";
import { isListed } from "./calendar.ts";
import type { OrderTerms } from "./draft.ts";
import type { TimeInForce } from "./order-kinds.ts";

/** How much: of base, of quote, or so many percent of what there is. */
export interface Size {
  of: "base" | "quote" | "share";
  amount: string;
}

export interface OrderCommand {
  side: Side;
  market: Market;
  size: Size;
  /** Null: at the market. */
  price: string | null;
  time: TimeInForce;
  isPostOnly: boolean;
}

export type Command =
  | { does: "order"; order: OrderCommand }
  /** An alert at a price. */
  | { does: "alert"; market: Market; price: string }
  /** In a market, or in all. */
  | { does: "cancel"; market: Market | null }
  /** It begins as a command, and is none yet. */
  | { does: "nothing"; why: string };

const THOUSANDS: Record<string, string> = { k: "1000", m: "1000000" };
const TIMES: Record<string, TimeInForce> = { gtc: "GTC", ioc: "IOC", fok: "FOK", day: "Day" };
const POST_ONLY = ["po", "post", "post-only", "postonly"];
const AT_MARKET = ["market", "mkt"];
const FILLERS = ["at", "@", "for", "of", "limit", "in"];

class Misread extends Error {}

/** Read a command; null for what does not begin as one. `current`: the market on show. */
export function readCommand(
  text: string,
  markets: readonly Market[],
  current: Market | null,
): Command | null {
  const [verb, ...words] = text.toLowerCase().trim().split(/\s+/);
  const listed = markets.filter(isListed);
  try {
    if (verb === "buy" || verb === "sell") {
      return { does: "order", order: readOrder(verb === "buy" ? "Buy" : "Sell", words, listed, current) };
    }
    if (verb === "alert") return readAlert(words, listed, current);
    if (verb === "cancel") return readCancel(words, listed, current);
    return null;
  } catch (error) {
    if (!(error instanceof Misread)) throw error;
    return { does: "nothing", why: error.message };
  }
}

/** `60k`, `1.5m`, `60,000`, `@60000`; null for what is no figure above zero. */
function figureOf(word: string): string | null {
  const [, digits, suffix] = /^@?([\d.,]+)([km])?$/.exec(word) ?? [];
  const amount = digits === undefined ? null : parse(typed(digits));
  if (amount === null || amount <= 0n) return null;
  const factor = parse(THOUSANDS[suffix ?? ""] ?? "1")!;
  return write(multiplyDown(amount, factor));
}

function sizeOf(word: string | undefined): Size {
  if (word === undefined) throw new Misread("Say how much: 0.1 btc, 500 usd, 50%.");
  if (word === "all" || word === "max") return { of: "share", amount: "100" };
  const percent = /^([\d.]+)%$/.exec(word)?.[1];
  if (percent !== undefined) {
    const share = /^\d{1,3}$/.test(percent) ? Number(percent) : 0;
    if (share < 1 || share > 100) throw new Misread("A share is a whole number from 1% to 100%.");
    return { of: "share", amount: String(share) };
  }
  const amount = figureOf(word);
  if (amount === null) throw new Misread(`“${word}” is not how much: 0.1, 2k, 50% or all.`);
  return { of: "base", amount };
}

function bySymbol(markets: readonly Market[], base: string, quote: string): Market | undefined {
  return markets.find(({ symbol }) => symbol.toLowerCase() === `${base}/${quote}`);
}

/** The market of one asset: the one on show, one in the same currency, or the first. */
function byBase(markets: readonly Market[], base: string, current: Market | null): Market | undefined {
  const found = markets.filter((market) => market.base_asset.toLowerCase() === base);
  const alike = found.find((market) => market.quote_asset === current?.quote_asset);
  return found.find((market) => market === current) ?? alike ?? found[0];
}

/** The market that words name, and whether the size is in its quote asset. */
function marketOf(
  names: readonly string[],
  markets: readonly Market[],
  current: Market | null,
): { market: Market; isQuote: boolean } {
  const [one, other, more] = names;
  if (more !== undefined) throw new Misread(`“${more}” is one asset too many.`);
  if (one === undefined) {
    if (!current) throw new Misread("Say in which market.");
    return { market: current, isQuote: false };
  }
  const parts = one.split(/[/-]/);
  if (parts.length > 1 || other !== undefined) {
    const [base = "", quote = ""] = parts.length > 1 ? parts : [one, other];
    const straight = bySymbol(markets, base, quote);
    if (straight && (parts.length === 1 || other === undefined)) return { market: straight, isQuote: false };
    // `500 usd btc`: the currency comes with the figure.
    const turned = parts.length === 1 ? bySymbol(markets, quote, base) : undefined;
    if (turned) return { market: turned, isQuote: true };
    throw new Misread(`There is no market ${base.toUpperCase()}/${quote.toUpperCase()}.`);
  }
  if (current && current.quote_asset.toLowerCase() === one && !byBase(markets, one, current)) {
    return { market: current, isQuote: true };
  }
  const market =
    byBase(markets, one, current) ?? markets.find(({ symbol }) => symbol.replace("/", "").toLowerCase() === one);
  if (market) return { market, isQuote: false };
  throw new Misread(`“${one}” is no asset that is traded here.`);
}

function readOrder(
  side: Side,
  [first, ...words]: readonly string[],
  markets: readonly Market[],
  current: Market | null,
): OrderCommand {
  const size = sizeOf(first);
  const names: string[] = [];
  let [price, isAtMarket, isPostOnly]: [string | null, boolean, boolean] = [null, false, false];
  let time: TimeInForce | null = null;
  for (const word of words) {
    const figure = figureOf(word);
    if (FILLERS.includes(word)) continue;
    else if (POST_ONLY.includes(word)) isPostOnly = true;
    else if (AT_MARKET.includes(word)) isAtMarket = true;
    else if (Object.hasOwn(TIMES, word)) time = TIMES[word]!;
    else if (figure !== null && price !== null) throw new Misread(`“${word}” is a second price.`);
    else if (figure !== null) price = figure;
    else if (/^[a-z][a-z0-9]*([/-][a-z0-9]+)?$/.test(word)) names.push(word);
    else throw new Misread(`“${word}” is not understood.`);
  }
  const { market, isQuote } = marketOf(names, markets, current);
  if (isQuote && size.of === "base") size.of = "quote";
  if (!isAtMarket && price === null) throw new Misread("Say at which price, or “market”.");
  if (isAtMarket && price !== null) throw new Misread("At a price or at the market, not both.");
  if (isAtMarket && (isPostOnly || time)) {
    throw new Misread("An order at the market rests never: leave out post-only and the time.");
  }
  if (isPostOnly && (time === "IOC" || time === "FOK")) {
    throw new Misread("A post-only order rests: it cannot be IOC or FOK.");
  }
  return { side, market, size, price, time: time ?? "GTC", isPostOnly };
}

function readCancel(
  words: readonly string[],
  markets: readonly Market[],
  current: Market | null,
): Command {
  const [all, ...names] = words.filter((word) => word === "all" || !FILLERS.includes(word));
  if (all !== "all") throw new Misread("cancel all, or cancel all btc/usd.");
  if (!names.length) return { does: "cancel", market: null };
  return { does: "cancel", market: marketOf(names, markets, current).market };
}

function readAlert(
  words: readonly string[],
  markets: readonly Market[],
  current: Market | null,
): Command {
  const said = words.filter((word) => !FILLERS.includes(word));
  const figures = said.map(figureOf).filter((figure) => figure !== null);
  const [price, second] = figures;
  if (price === undefined) throw new Misread("Say at which price: alert btc 65000.");
  if (second !== undefined) throw new Misread(`“${second}” is a second price.`);
  const names = said.filter((word) => figureOf(word) === null);
  return { does: "alert", market: marketOf(names, markets, current).market, price };
}

/** An order as it would be sent, in words. */
export function describe(terms: OrderTerms, { market, time }: OrderCommand): string {
  const { base_asset: base, quote_asset: quote } = market;
  const figure = (text: string) => showAll(parse(text) ?? 0n, 0);
  const amount = terms.quantity
    ? `${figure(terms.quantity)} ${base}`
    : `${base} for ${figure(terms.quote_quantity ?? "0")} ${quote}`;
  const price = terms.price ? `at ${figure(terms.price)} ${quote}` : "at the market";
  const rests = terms.post_only && (terms.post_only_mode === "Slide" ? "post-only, may slide" : "post-only");
  const more = [time !== "GTC" && time, rests].filter(Boolean).map((word) => `, ${word}`);
  return `${terms.side} ${amount} ${price}${more.join("")}`;
}

/** Something that can be gone to or done. */
export interface Entry {
  label: string;
  /** What it is: a market, a page, a setting. */
  kind: string;
  run: () => void;
}

/** The entries in which each typed word begins a word, those first that begin with all of it. */
export function found<T extends Pick<Entry, "label">>(entries: readonly T[], text: string): T[] {
  const typedWords = text.toLowerCase().trim().split(/[\s/-]+/).filter(Boolean);
  const isFound = ({ label }: T) => {
    const words = label.toLowerCase().split(/[\s/]+/);
    return typedWords.every((part) => words.some((word) => word.startsWith(part)));
  };
  const isFirst = ({ label }: T) => label.toLowerCase().startsWith(text.toLowerCase().trim());
  const shown = entries.filter(isFound);
  return [...shown.filter(isFirst), ...shown.filter((entry) => !isFirst(entry))];
}
