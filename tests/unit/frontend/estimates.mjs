// Reads cases from stdin and writes what the order form foretells of each (see test_estimates.py).
import { OrderBook } from "../../../frontend/src/state/book.ts";
import { write } from "../../../frontend/src/core/decimal.ts";
import { NOTHING_ASKED } from "../../../frontend/src/state/draft.ts";
import { estimate } from "../../../frontend/src/state/ticket-rules.ts";

let text = "";
for await (const chunk of process.stdin) text += chunk;
const answers = JSON.parse(text).map(({ draft, market, book: levels, rates }) => {
  const book = new OrderBook();
  book.apply(levels);
  const { fee, receive, isCovered } = estimate({ asks: NOTHING_ASKED, ...draft }, market, book, rates);
  const shown = (amount) => (amount === null ? null : write(amount));
  return { fee: shown(fee), receive: shown(receive), isCovered };
});
process.stdout.write(JSON.stringify(answers));
