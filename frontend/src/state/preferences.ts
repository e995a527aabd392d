/**
 * What the reader chose of the page. A visitor's stays in the browser; a user's is kept with the
 * account, which tells it with the page itself, so that nothing moves after the first paint.
 */

import { recall, remember } from "../core/memory.ts";
import { Signal } from "../core/signal.ts";
import { ApiError, type Rest } from "../link/rest.ts";
import type { PageChoices, PageSounds, Preferences as Kept } from "../link/types.ts";
import { type Layout, type Saved, wholeLayout } from "./layouts.ts";
import { AT_FIRST as RULES_AT_FIRST, type Rules, wholeRules } from "./warnings.ts";

export type Choices = Required<Omit<PageChoices, "layout" | "layouts" | "warnings" | "sounds">> & {
  layout: Layout;
  layouts: Saved[];
  warnings: Rules;
  sounds: Required<PageSounds>;
};
export type Look = Pick<Choices, "theme" | "density" | "palette">;

const AT_FIRST: Choices = {
  theme: "system",
  density: "comfortable",
  palette: "classic",
  layout: wholeLayout(),
  layout_name: "",
  layouts: [],
  favourites: [],
  markets_sort: "none",
  markets_descending: false,
  markets_quote: "",
  only_favourites: false,
  hot_keys: false,
  is_introduced: false,
  slippage: "",
  warnings: RULES_AT_FIRST,
  sounds: { on: false, volume: 60, fill: "chime", reject: "knock", alert: "rise" },
  desktop_notices: false,
  currency: "",
};
/** How long a change waits for the next one before it is sent. */
const WAIT_MS = 400;
/** How often a write is tried anew upon what another browser wrote meanwhile. */
const TRIES_MAX = 3;

/** What was kept, with what it leaves out. */
export function whole(kept: PageChoices): Choices {
  return {
    ...AT_FIRST,
    ...kept,
    layout: wholeLayout(kept.layout),
    warnings: wholeRules(kept.warnings),
    sounds: { ...AT_FIRST.sounds, ...kept.sounds },
    layouts: (kept.layouts ?? []).map(({ name, ...layout }) => ({ ...wholeLayout(layout), name })),
  };
}

/** What this browser remembers; what it remembers wrongly is forgotten. */
export function recallChoices(): Choices {
  const theme = recall("theme");
  const chosen = theme === "dark" || theme === "light" ? theme : "system";
  try {
    return { ...whole(JSON.parse(recall("page") ?? "{}") as PageChoices), theme: chosen };
  } catch {
    return { ...AT_FIRST, theme: chosen };
  }
}

/** What the page begins with: the account's, once there is any. */
export function firstChoices(kept: Kept | null): Choices {
  return kept?.version ? whole(kept.document) : recallChoices();
}

/** The account pages have the look, too; the rest of a user's choices is not left in a browser. */
function rememberChoices(choices: Choices, isUser: boolean): void {
  const { theme, density, palette } = choices;
  remember("theme", theme);
  remember("page", JSON.stringify(isUser ? { density, palette } : choices));
}

/** Where a user's choices are kept. */
export interface Keeper {
  read(): Promise<Kept>;
  write(document: Choices, version: number): Promise<Kept>;
}

export function keeperOf(rest: Rest): Keeper {
  return {
    read: () => rest.get<Kept>("/preferences"),
    write: (document, version) => rest.put<Kept>("/preferences", { version, document }),
  };
}

export class Preferences {
  readonly chosen: Signal<Choices>;
  readonly #keeper: Keeper | null;
  readonly #wait: (run: () => void) => void;
  #version: number;
  /** What was changed here and is not kept yet. */
  #unkept = new Set<keyof Choices>();
  #isSending = false;

  /** `wait` calls back after a while, and after the last of several calls only. */
  constructor(kept: Kept | null, keeper: Keeper | null, wait = lastOf(WAIT_MS)) {
    this.chosen = new Signal(firstChoices(kept));
    this.#version = kept?.version ?? 0;
    this.#keeper = keeper;
    this.#wait = wait;
  }

  get value(): Choices {
    return this.chosen.value;
  }

  change(part: Partial<Choices>): void {
    for (const name of Object.keys(part)) this.#unkept.add(name as keyof Choices);
    this.#take({ ...this.value, ...part });
    if (this.#keeper) this.#wait(() => void this.send());
  }

  #take(choices: Choices): void {
    this.chosen.value = choices;
    rememberChoices(choices, this.#keeper !== null);
  }

  /** Send what is not kept yet; what cannot be sent now goes with the next change. */
  async send(): Promise<void> {
    if (!this.#keeper || this.#isSending || !this.#unkept.size) return;
    this.#isSending = true;
    try {
      for (let tries = 0; this.#unkept.size && tries < TRIES_MAX; tries++) await this.#sendOnce();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      console.warn("what was chosen could not be kept", error.message);
    } finally {
      this.#isSending = false;
    }
  }

  async #sendOnce(): Promise<void> {
    const sent = new Set(this.#unkept);
    this.#unkept.clear();
    try {
      const { version } = await this.#keeper!.write(this.value, this.#version);
      this.#version = version;
    } catch (error) {
      for (const name of sent) this.#unkept.add(name);
      if (!(error instanceof ApiError) || error.code !== "conflict") throw error;
      this.#adopt(await this.#keeper!.read());
    }
  }

  /** Take what another browser has written since; what was changed here stays changed. */
  async pull(): Promise<void> {
    if (!this.#keeper || this.#isSending) return;
    try {
      this.#adopt(await this.#keeper.read());
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      return;
    }
    await this.send();
  }

  #adopt(kept: Kept): void {
    if (kept.version === this.#version) return;
    this.#version = kept.version;
    const own = [...this.#unkept].map((name) => [name, this.value[name]]);
    const next = { ...whole(kept.document), ...Object.fromEntries(own) } as Choices;
    if (!next.layouts.some(({ name }) => name === next.layout_name)) next.layout_name = "";
    this.#take(next);
  }
}

function lastOf(milliseconds: number): (run: () => void) => void {
  let timer = 0;
  return (run) => {
    clearTimeout(timer);
    timer = setTimeout(run, milliseconds) as unknown as number;
  };
}
