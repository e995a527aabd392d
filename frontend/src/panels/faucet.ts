/** The dialog that deposits demo funds, where the sandbox faucet is on. */

import { parse, typed, write } from "../core/decimal.ts";
import { find, h, setText } from "../core/dom.ts";
import * as format from "../core/format.ts";
import type { Tell } from "../core/notice.ts";
import { ApiError } from "../link/rest.ts";
import type { Balance, DepositIn } from "../link/types.ts";
import { assetsOf, type Exchange } from "../state/exchange.ts";
import type { Portfolio } from "../state/portfolio.ts";

/** What is proposed: a round sum for currencies, a few units of anything else. */
const CURRENCIES = new Set(["USD", "EUR", "USDT", "USDC"]);

/** `openers` are the buttons that open the dialog; without it they stay hidden. */
export function mount(
  dialog: HTMLDialogElement,
  openers: readonly HTMLElement[],
  exchange: Exchange,
  portfolio: Portfolio,
  tell: Tell,
): void {
  const asset = find<HTMLSelectElement>(dialog, "#faucet-asset");
  const amount = find<HTMLInputElement>(dialog, "#faucet-amount");
  const submit = find<HTMLButtonElement>(dialog, "#faucet-submit");
  const wrong = find(dialog, "#faucet-error");
  const complain = (text: string) => {
    setText(wrong, text);
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
  for (const button of openers) {
    // Demo funds are for one's own accounts.
    portfolio.accountId.watch((id) => (button.hidden = exchange.accountOf(id)?.role !== "Owner"));
    button.addEventListener("click", () => {
      const quote = exchange.market.value?.quote_asset;
      if (quote) asset.value = quote;
      propose();
      dialog.showModal();
    });
  }
  asset.addEventListener("change", propose);
  amount.addEventListener("input", () => complain(""));
  find(dialog, "#faucet-close").addEventListener("click", () => dialog.close());
  find(dialog, "#faucet-form").addEventListener("submit", async (event) => {
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
      const body: DepositIn = { asset: asset.value, amount: write(sum) };
      const path = `/accounts/${encodeURIComponent(account)}/deposit`;
      portfolio.setBalance(await exchange.rest.post<Balance>(path, body));
      dialog.close();
      tell("Demo funds deposited", `${format.balance(write(sum))} ${asset.value}`, "good", "money");
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      const expected = error.fields["amount"];
      complain(expected ? format.expectation("Amount", expected) : format.sentence(error.message));
    } finally {
      submit.disabled = false;
    }
  });
}
