/** The dialog that deposits demo funds, where the sandbox faucet is on. */

import { parse, typed, write } from "../core/decimal.ts";
import { all, byId, h, setText } from "../core/dom.ts";
import { assetsOf, type Exchange } from "../state/exchange.ts";
import * as format from "../core/format.ts";
import type { Portfolio } from "../state/portfolio.ts";
import { ApiError } from "../link/rest.ts";
import { toast } from "./toasts.ts";
import type { Balance } from "../link/types.ts";

/** What is proposed: a round sum for currencies, a few units of anything else. */
const CURRENCIES = new Set(["USD", "EUR", "USDT", "USDC"]);

export function initFaucet(exchange: Exchange, portfolio: Portfolio): void {
  if (!exchange.config.faucet || !exchange.config.user) return;
  const dialog = byId<HTMLDialogElement>("faucet");
  const asset = byId<HTMLSelectElement>("faucet-asset");
  const amount = byId<HTMLInputElement>("faucet-amount");
  const submit = byId<HTMLButtonElement>("faucet-submit");
  const complain = (text: string) => {
    setText(byId("faucet-error"), text);
    amount.setAttribute("aria-invalid", String(Boolean(text)));
  };
  const propose = () => {
    amount.value = CURRENCIES.has(asset.value) ? "10000" : "1";
    complain("");
  };

  exchange.markets.watch((markets) => {
    const codes = assetsOf(markets);
    if (codes.length === asset.options.length) return;
    const options = codes.map((code) => {
      const option = h("option", { text: code });
      option.value = code;
      return option;
    });
    asset.replaceChildren(...options);
  });
  for (const button of all<HTMLButtonElement>("[data-faucet]")) {
    button.hidden = false;
    button.addEventListener("click", () => {
      const quote = exchange.market.value?.quote_asset;
      if (quote) asset.value = quote;
      propose();
      dialog.showModal();
    });
  }
  asset.addEventListener("change", propose);
  amount.addEventListener("input", () => complain(""));
  byId("faucet-close").addEventListener("click", () => dialog.close());
  byId("faucet-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const sum = parse(typed(amount.value));
    const account = portfolio.accountId.value;
    if (!account) return;
    if (sum === null || sum <= 0n) {
      complain("Amount must be a number above 0.");
      return;
    }
    submit.disabled = true;
    try {
      const body = { asset: asset.value, amount: write(sum) };
      const path = `/accounts/${encodeURIComponent(account)}/deposit`;
      portfolio.setBalance(await exchange.rest.post<Balance>(path, body));
      dialog.close();
      toast("Demo funds deposited", `${format.balance(write(sum))} ${asset.value}`, "good");
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      const expected = error.fields["amount"];
      complain(expected ? format.expectation("Amount", expected) : format.sentence(error.message));
    } finally {
      submit.disabled = false;
    }
  });
}
