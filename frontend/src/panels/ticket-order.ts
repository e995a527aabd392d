/** A typed order, put into the form. */

import type { OrderCommand } from "../state/commands.ts";
import type { TicketLink } from "./ticket.ts";

/** Fill in an order in its market, which is on show: what else stood in the form is let go of. */
export function fillOrder(ticket: TicketLink, order: OrderCommand): void {
  const { side, size, price, time, isPostOnly } = order;
  const group = price === null ? "Market" : "Limit";
  // What is bought by a share is paid in quote; what is sold is had.
  const isQuote = size.of === "quote" || (size.of === "share" && side === "Buy");
  ticket.choose({ side, group, measure: isQuote ? "amount" : "quantity", time, isPostOnly });
  if (price !== null) ticket.set("price", price);
  if (size.of === "share") ticket.takeShare(Number(size.amount));
  else ticket.set(size.of === "quote" ? "total" : "quantity", size.amount);
}
