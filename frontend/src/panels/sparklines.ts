/** Draws a day of each market into its row. Loaded once the list is wide enough for it. */

import type { Exchange } from "../state/exchange.ts";
import { pointsOf, Sparklines } from "../state/sparklines.ts";

const [WIDTH, HEIGHT] = [64, 18];
const SVG = "http://www.w3.org/2000/svg";

/** Return what draws a market's line into a box, which is made anew by `onChange`'s caller. */
export function sparkDrawer(
  exchange: Exchange,
  onChange: () => void,
): (box: Element, symbol: string) => void {
  const lines = new Sparklines(exchange.rest);
  lines.changed.watch(onChange);
  return (box, symbol) => {
    const closes = lines.of(symbol);
    const last = exchange.tickers.value.get(symbol)?.last;
    const points = pointsOf(closes.length && last ? [...closes, Number(last)] : closes, WIDTH, HEIGHT);
    const line = box.querySelector("polyline") ?? makeLine(box);
    if (line.getAttribute("points") === points) return;
    line.setAttribute("points", points);
    const falls = closes.length > 1 && Number(last) < closes[0]!;
    line.setAttribute("class", falls ? "down" : "up");
  };
}

function makeLine(box: Element): Element {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  svg.setAttribute("aria-hidden", "true");
  const line = document.createElementNS(SVG, "polyline");
  svg.append(line);
  box.append(svg);
  return line;
}
