/** What is wrong in the order form: beside the fields, and above the button; and until when. */

import { find, setText } from "../core/dom.ts";
import * as format from "../core/format.ts";
import type { ApiError } from "../link/rest.ts";
import type { Errors, FieldName } from "../state/draft.ts";

/** In the order in which they stand. */
export const FIELDS: readonly FieldName[] = [
  "stop",
  "trail",
  "price",
  "quantity",
  "total",
  "until",
  "activation",
  "show",
  "protection",
  "profit",
  "loss",
];
/** The API's names of what the form's fields hold. */
const API_FIELDS: Record<string, FieldName> = {
  stop_price: "stop",
  trail_price: "trail",
  trail_bps: "trail",
  price: "price",
  quantity: "quantity",
  quote_quantity: "total",
  amount: "total",
  expires_at: "until",
  activation_price: "activation",
  display_quantity: "show",
  protection_price: "protection",
};
/** What a market's rules refuse, by the field that it is about. */
const REASON_FIELDS: Record<string, FieldName> = {
  would_trigger_at_once: "stop",
  trail_out_of_range: "trail",
  no_reference_price: "trail",
  expiry_passed: "until",
  display_quantity: "show",
};

/** The field that holds what the API names; of a list's orders those that follow are the exits. */
function fieldOf(name: string): FieldName | undefined {
  const leaf = name.split(".").at(-1) ?? "";
  const place = /^orders\[(\d)\]/.exec(name)?.[1];
  if (place !== undefined && leaf === "stop_price") return "loss";
  if (place !== undefined && place !== "0" && leaf === "price") return "profit";
  return API_FIELDS[leaf];
}

export type Inputs = Record<FieldName, HTMLInputElement>;

export class TicketErrors {
  readonly #inputs: Inputs;
  readonly #texts: Record<FieldName, HTMLElement>;
  readonly #box: HTMLElement;
  /** What the exchange refused last, and what that spoke of, as it was then. */
  #refusal: { code: string; subject: string } | null = null;
  /** Whether the errors at the fields are what the form's own check said. */
  #isOwnCheck = false;

  constructor(element: HTMLElement, inputs: Inputs) {
    const textOf = (field: FieldName) => find(element, `#${field}-error`);
    this.#inputs = inputs;
    this.#texts = Object.fromEntries(FIELDS.map((field) => [field, textOf(field)])) as Record<
      FieldName,
      HTMLElement
    >;
    this.#box = find(element, "#order-error");
  }

  /** Show what is wrong now, in place of all that was; nothing is remembered of a refusal. */
  show(errors: Errors, general = ""): void {
    this.#refusal = null;
    this.#isOwnCheck = false;
    for (const field of FIELDS) {
      setText(this.#texts[field], errors[field] ?? "");
      this.#inputs[field].setAttribute("aria-invalid", String(Boolean(errors[field])));
    }
    this.#box.hidden = !general;
    setText(this.#box, general);
  }

  /** Show what the form's own check says, and lead to the first of it. */
  showOwn(errors: Errors): void {
    this.show(errors);
    this.#isOwnCheck = Object.keys(errors).length > 0;
    this.#focusFirst(errors);
  }

  /**
   * Put what the exchange said beside the field it named, and the rest above the button. `hintOf`
   * has more to say to some reasons; `subjectOf` is what a reason speaks of.
   */
  showRefusal(
    error: ApiError,
    hintOf: (reason: string) => string,
    subjectOf: (code: string) => string,
  ): void {
    const errors: Errors = {};
    const isShown = (field: FieldName | undefined): field is FieldName =>
      Boolean(field) && !this.#inputs[field!].closest<HTMLElement>(".field")!.hidden;
    for (const [name, expected] of Object.entries(error.fields)) {
      const field = fieldOf(name);
      if (!isShown(field)) continue;
      // Only this code's details say what was expected; others' are figures of the refused order.
      const isExpectation = error.code === "validation_error";
      const label = this.#inputs[field].labels?.[0]?.textContent ?? field;
      errors[field] = isExpectation
        ? format.expectation(label, expected)
        : format.sentence(error.message);
    }
    const reason = error.fields["reason"] ?? error.code;
    const concerned = error.code === "invalid_order" ? REASON_FIELDS[reason] : undefined;
    if (isShown(concerned)) errors[concerned] ??= format.sentence(error.message);
    const isPlaced = Object.keys(errors).length > 0;
    this.show(errors, isPlaced ? "" : format.sentence(error.message) + hintOf(reason));
    const code = error.code === "invalid_order" ? reason : error.code;
    this.#refusal = { code, subject: subjectOf(code) };
    this.#focusFirst(errors);
  }

  /** Take back what is no longer true: funds came in, the market opened, the line is back. */
  dropOld(subjectOf: (code: string) => string, check: () => Errors): void {
    if (this.#refusal && this.#refusal.subject !== subjectOf(this.#refusal.code)) this.show({});
    if (!this.#isOwnCheck) return;
    const errors = check();
    const shown = FIELDS.filter((field) => this.#texts[field].textContent);
    this.show(Object.fromEntries(shown.map((field) => [field, errors[field] ?? ""])));
    this.#isOwnCheck = shown.length > 0;
  }

  #focusFirst(errors: Errors): void {
    const first = FIELDS.find((field) => errors[field]);
    if (!first) return;
    const folded = this.#inputs[first].closest("details");
    if (folded) folded.open = true;
    this.#inputs[first].focus();
  }
}
