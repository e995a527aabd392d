/**
 * Shapes of the v1 API that are imported here (docs: /api/docs). Decimals are strings.
 *
 * Written by scripts/api_types.py from the OpenAPI document: change that and run `make types`.
 */

/** A trading account; its own fee rates are null where the market's hold. */
export interface Account {
  id: string;
  label: string;
  role: "Owner" | "Trader" | "Viewer";
  status: "Active" | "CancelOnly" | "Closed" | "Frozen";
  maker_fee: string | null;
  taker_fee: string | null;
  created_at: string;
  updated_at: string;
}

/** What you are told of once: the last price comes to yours, or goes beyond it. */
export interface Alert {
  id: string;
  market: string;
  condition: "FallsTo" | "RisesTo";
  price: string;
  note: string;
  repeats: boolean;
  by_page: boolean;
  by_mail: boolean;
  state: "Armed" | "Away" | "Told";
  told_count: number;
  told_price: string | null;
  told_at: string | null;
  created_at: string;
}

/** An alert to be set. */
export interface AlertIn {
  market: string;
  condition: "FallsTo" | "RisesTo";
  price: string;
  note?: string;
  repeats?: boolean;
  by_page?: boolean;
  by_mail?: boolean;
}

/** A new price, total quantity (what is filled counts), price to wait for, or several. */
export interface AmendOrderIn {
  price?: string | null;
  quantity?: string | null;
  stop_price?: string | null;
  trigger_price?: string | null;
}

/** What an open order asked for before it was amended, and asks for since. */
export interface Amendment {
  id: string;
  order_id: string;
  market: string;
  price_before: string | null;
  price: string | null;
  quantity_before: string | null;
  quantity: string | null;
  stop_price_before: string | null;
  stop_price: string | null;
  created_at: string;
}

/** What would trade, and at what price, if a market's auction ended now; null: nothing would. */
export interface Auction {
  price: string | null;
  quantity: string;
  surplus: string;
  ends_at: string | null;
}

/** What an account has of an asset; total is available and locked together. */
export interface Balance {
  account_id: string;
  asset: string;
  total: string;
  available: string;
  locked: string;
  updated_at: string;
}

/** What became of one order: the order and its trades, or the error. */
export interface BatchItem {
  order?: Order | null;
  trades?: Trade[] | null;
  error?: ErrorBody | null;
}

/** Whose open orders to cancel, and which of them. */
export interface CancelAllIn {
  account: string;
  market?: string | null;
  side?: "Buy" | "Sell" | null;
}

/** Open, high, low, close and volumes of an interval; it closes when the next one opens. */
export interface Candle {
  market: string;
  interval: string;
  open_time: string;
  close_time: string;
  open: string;
  high: string;
  low: string;
  close: string;
  volume: string;
  quote_volume: string;
  trades: number;
}

/** A market's candles, newest first. */
export interface Candles {
  market: string;
  interval: string;
  candles: Candle[];
}

/** What to credit. */
export interface DepositIn {
  asset: string;
  amount: string;
}

/** How an order ended; `journal`: of the account's command that ended it, if one did. */
export interface Ending {
  status: "Cancelled" | "Expired" | "Filled";
  reason: string | null;
  at: string;
  journal: JournalPlace | null;
}

/** What went wrong: a stable code, a text for people, and what it is about. */
export interface ErrorBody {
  code: string;
  message: string;
  details?: Record<string, unknown>;
}

/** What all fills of an order cost in an asset; below zero: what was paid for them. */
export interface FeeSum {
  asset: string;
  amount: string;
}

/** A trade as one of its parties sees it. */
export interface Fill {
  id: string;
  order_id: string;
  market: string;
  side: "Buy" | "Sell";
  price: string;
  quantity: string;
  amount: string;
  fee: string;
  fee_asset: string;
  liquidity: "Auction" | "Maker" | "Taker";
  created_at: string;
}

/** Where a command stands in its shard's journal, and the request that it came by. */
export interface JournalPlace {
  shard: number;
  sequence: number;
  command: string;
  request_id: string | null;
}

/** One movement of one asset; negative takes, positive gives. */
export interface LedgerEntry {
  id: string;
  transaction_id: string;
  kind: "Adjustment" | "Deposit" | "Fee" | "Prevented" | "Trade" | "Transfer" | "Withdrawal";
  asset: string;
  amount: string;
  balance_after: string | null;
  reference: string;
  created_at: string;
}

/** An order of a list: as one that comes alone, never by quote amount. */
export interface ListedOrderIn {
  side: "Buy" | "Sell";
  order_type:
    | "Limit"
    | "Market"
    | "Stop"
    | "StopLimit"
    | "TakeProfit"
    | "TakeProfitLimit"
    | "TrailingStop";
  price?: string | null;
  quantity?: string | null;
  time_in_force?: "Day" | "FOK" | "GTC" | "GTD" | "IOC" | "PostOnly";
  post_only?: boolean;
  client_order_id?: string | null;
  stop_price?: string | null;
  trigger_price?: string | null;
  trigger_by?: "Last" | "Opposite" | null;
  trail_price?: string | null;
  trail_bps?: number | null;
  activation_price?: string | null;
  expires_at?: string | null;
  post_only_mode?: "Reject" | "Slide" | null;
  display_quantity?: string | null;
  protection_price?: string | null;
  self_trade_prevention?: "Both" | "Decrement" | "Maker" | "None" | "Taker" | "Transfer" | null;
}

/** A market and its rules; order sizes are in the quote asset, scales count decimals. */
export interface Market {
  symbol: string;
  base_asset: string;
  quote_asset: string;
  base_scale: number;
  quote_scale: number;
  price_tick: string;
  quantity_step: string;
  min_order_size: string;
  max_order_size: string;
  max_price: string;
  max_quantity: string;
  max_price_deviation: string | null;
  dynamic_collar: string | null;
  static_collar: string | null;
  interruption_s: number;
  max_open_orders: number | null;
  max_trigger_orders: number | null;
  max_order_lists: number | null;
  max_position: string | null;
  max_messages: number | null;
  max_iceberg_parts: number;
  trigger_protection: string;
  min_trail_bps: number;
  max_trail_bps: number;
  self_trade_scope: "Account" | "Owner";
  self_trade_prevention: "Both" | "Decrement" | "Maker" | "None" | "Taker" | "Transfer";
  self_trade_preventions: ("Both" | "Decrement" | "Maker" | "None" | "Taker" | "Transfer")[];
  trading_enabled: boolean;
  state:
    | "Auction"
    | "CancelOnly"
    | "Closed"
    | "Continuous"
    | "Delisted"
    | "Halted"
    | "PostOnly"
    | "PreOpen";
  auction: Auction | null;
  schedule: string | null;
  time_zone: string;
  next_phase: NextPhase | null;
  delists_at: string | null;
  maker_fee: string;
  taker_fee: string;
  auction_fee: string | null;
  promotion: Promotion | null;
  is_demo: boolean;
}

/** A layout that was saved under a name. */
export interface NamedLayout {
  preset?: "scalp" | "swing" | "watch";
  hidden?: ("activity" | "book" | "markets" | "tape" | "ticket")[];
  sizes?: PageSizes;
  name: string;
}

/** The state that a market is to have from a time on, by the clock alone. */
export interface NextPhase {
  state:
    | "Auction"
    | "CancelOnly"
    | "Closed"
    | "Continuous"
    | "Delisted"
    | "Halted"
    | "PostOnly"
    | "PreOpen";
  at: string;
}

/** An order now. Its average price is rounded half to even; what it did not ask for is null. */
export interface Order {
  id: string;
  client_order_id: string | null;
  user_id: string;
  market: string;
  side: "Buy" | "Sell";
  order_type:
    | "Limit"
    | "Market"
    | "Stop"
    | "StopLimit"
    | "TakeProfit"
    | "TakeProfitLimit"
    | "TrailingStop";
  price: string | null;
  quantity: string | null;
  quote_quantity: string | null;
  remaining_quantity: string;
  filled_quantity: string;
  filled_quote_quantity: string;
  average_fill_price: string | null;
  prevented_quantity: string | null;
  time_in_force: "Day" | "FOK" | "GTC" | "GTD" | "IOC";
  post_only: boolean;
  status: "Cancelled" | "Expired" | "Filled" | "New" | "PartiallyFilled" | "Pending" | "Triggered";
  reason: string | null;
  created_at: string;
  updated_at: string;
  stop_price: string | null;
  trigger_by: "Last" | "Opposite" | null;
  trail_price: string | null;
  trail_bps: number | null;
  activation_price: string | null;
  triggered_at: string | null;
  expires_at: string | null;
  display_quantity: string | null;
  protection_price: string | null;
  post_only_mode: "Reject" | "Slide" | null;
  self_trade_prevention: "Both" | "Decrement" | "Maker" | "None" | "Taker" | "Transfer" | null;
  list_id: string | null;
  leg: "One" | "Pending" | "Working" | null;
}

/** The best levels of a book as (price, quantity), best price first. */
export interface OrderBook {
  market: string;
  bids: [string, string][];
  asks: [string, string][];
  sequence: number;
  auction: Auction | null;
}

/** Orders that are one thing; `Done` once none of them is open any more. */
export interface OrderList {
  id: string;
  client_list_id: string | null;
  user_id: string;
  market: string;
  kind: "OCO" | "OTO" | "OTOCO";
  status: "Done" | "Executing";
  order_ids: string[];
  created_at: string;
}

/** A list of orders, and each of its orders as it is now. */
export interface OrderListPlaced {
  list: OrderList;
  orders: Order[];
}

/** An order after the command, and the trades it made at once, oldest first. */
export interface OrderPlaced {
  order: Order;
  trades: Trade[];
}

/** What would become of an order as things stand; it is not placed.

    Where it would be refused, `code` and `reason` are those of the refusal. */
export interface OrderPreview {
  accepted: boolean;
  code: string | null;
  reason: string | null;
  message: string | null;
  status:
    | "Cancelled"
    | "Expired"
    | "Filled"
    | "New"
    | "PartiallyFilled"
    | "Pending"
    | "Triggered"
    | null;
  price: string | null;
  average_price: string | null;
  worst_price: string | null;
  filled_quantity: string;
  resting_quantity: string;
  amount: string;
  fee: string;
  fee_asset: string;
  hold: string;
  hold_asset: string;
  sequence: number;
}

/** What journal, trades and ledger say of an order; its steps oldest first, in pages. */
export interface OrderProof {
  order: Order;
  placed: Placement;
  steps: OrderStep[];
  ended: Ending | null;
  fees: FeeSum[];
}

/** A step in an order's life, and what it moved in the account's ledger.

    `journal`: of an amendment that somebody asked for. */
export interface OrderStep {
  change: "Amended" | "Prevented" | "Trade";
  at: string;
  amendment: Amendment | null;
  fill: Fill | null;
  prevention: Prevention | null;
  journal: JournalPlace | null;
  entries: LedgerEntry[];
}

/** Everything that can be chosen of the page. */
export interface PageChoices {
  theme?: "dark" | "light" | "system";
  density?: "comfortable" | "compact";
  palette?: "blue_orange" | "classic" | "teal_pink";
  layout?: PageLayout;
  layout_name?: string;
  layouts?: NamedLayout[];
  favourites?: string[];
  markets_sort?: "change" | "last" | "name" | "none" | "volume";
  markets_descending?: boolean;
  markets_quote?: string;
  only_favourites?: boolean;
  hot_keys?: boolean;
  is_introduced?: boolean;
  slippage?: string;
  warnings?: PageWarnings;
  sounds?: PageSounds;
  desktop_notices?: boolean;
  currency?: string;
}

/** Where the panels stand: by which preset, which of them are hidden, and their sizes. */
export interface PageLayout {
  preset?: "scalp" | "swing" | "watch";
  hidden?: ("activity" | "book" | "markets" | "tape" | "ticket")[];
  sizes?: PageSizes;
}

/** How wide or high panels were made, in pixels; 0: as the preset has it. */
export interface PageSizes {
  markets?: number;
  side?: number;
  ticket?: number;
  tape?: number;
  activity?: number;
}

/** Which tone is heard of what, and how loud; silent until they are switched on. */
export interface PageSounds {
  on?: boolean;
  volume?: number;
  fill?: "chime" | "knock" | "none" | "ping" | "rise";
  reject?: "chime" | "knock" | "none" | "ping" | "rise";
  alert?: "chime" | "knock" | "none" | "ping" | "rise";
}

/** What the page does about an order that is odd in one way, and from which limit on. */
export interface PageWarning {
  act?: "ask" | "block" | "off";
  limit?: string;
}

/** In which ways an order may be odd. */
export interface PageWarnings {
  through?: PageWarning;
  away?: PageWarning;
  thin?: PageWarning;
  deep?: PageWarning;
  share?: PageWarning;
  worth?: PageWarning;
}

/** Orders that are one thing. The working order of an OTO or OTOCO comes first. */
export interface PlaceListIn {
  user_id: string;
  market: string;
  kind: "OCO" | "OTO" | "OTOCO";
  client_list_id?: string | null;
  orders: ListedOrderIn[];
}

/** An order to place. Enumerations are taken in any letter case and spelling. */
export interface PlaceOrderIn {
  user_id: string;
  market: string;
  side: "Buy" | "Sell";
  order_type:
    | "Limit"
    | "Market"
    | "Stop"
    | "StopLimit"
    | "TakeProfit"
    | "TakeProfitLimit"
    | "TrailingStop";
  price?: string | null;
  quantity?: string | null;
  quote_quantity?: string | null;
  time_in_force?: "Day" | "FOK" | "GTC" | "GTD" | "IOC" | "PostOnly";
  post_only?: boolean;
  client_order_id?: string | null;
  stop_price?: string | null;
  trigger_price?: string | null;
  trigger_by?: "Last" | "Opposite" | null;
  trail_price?: string | null;
  trail_bps?: number | null;
  activation_price?: string | null;
  expires_at?: string | null;
  post_only_mode?: "Reject" | "Slide" | null;
  display_quantity?: string | null;
  protection_price?: string | null;
  self_trade_prevention?: "Both" | "Decrement" | "Maker" | "None" | "Taker" | "Transfer" | null;
}

/** When an order came into the queue, was decided, and was written just before its commit.

    What is not on record any more is null; `written_at` is kept for a day. */
export interface Placement {
  received_at: string | null;
  decided_at: string;
  written_at: string | null;
  milliseconds: number | null;
  journal: JournalPlace | null;
}

/** What the caller chose of the trading page; each write adds one to the version. */
export interface Preferences {
  version: number;
  document: PageChoices;
  updated_at: string | null;
}

/** What kept an order from trading with another of its owner. */
export interface Prevention {
  mode: "Both" | "Decrement" | "Maker" | "None" | "Taker" | "Transfer";
  price: string;
  quantity: string;
  amount: string | null;
  liquidity: "Maker" | "Taker";
  other_order_id: string | null;
  created_at: string;
}

/** Rates that nobody without rates of their own pays more than from a time until another. */
export interface Promotion {
  maker_fee: string;
  taker_fee: string;
  starts_at: string;
  ends_at: string;
}

/** What ends an account's quotes in a market: so many fills, or so much, in a window.

    Null where nothing does. `tripped`: it has ended them, and lets nothing in until it is reset. */
export interface Protection {
  user_id: string;
  market: string;
  max_fills: number | null;
  max_quantity: string | null;
  window_ms: number | null;
  tripped: boolean;
}

/** What may happen to an account's resting orders within a window: one of both, or both. */
export interface ProtectionIn {
  window_ms: number;
  max_fills?: number | null;
  max_quantity?: string | null;
}

/** A trade as everybody sees it. */
export interface PublicTrade {
  id: string;
  market: string;
  price: string;
  quantity: string;
  taker_side: "buy" | "sell";
  timestamp: string;
  auction: boolean;
}

/** A page of a market's trades, newest first. */
export interface PublicTrades {
  market: string;
  trades: PublicTrade[];
}

/** What is shown at an order's price by those whose turn is before its own. */
export interface QueuePlace {
  order_id: string;
  queue_ahead: string;
}

/** Places of an account's orders in a market's book, as of its `sequence`; oldest first. */
export interface QueuePlaces {
  user_id: string;
  market: string;
  sequence: number;
  orders: QueuePlace[];
}

/** The last 24 hours of a market; null where nothing was traded yet. */
export interface Ticker {
  market: string;
  bid: string | null;
  ask: string | null;
  last: string | null;
  change_24h: string | null;
  change_24h_percent: string | null;
  high_24h: string | null;
  low_24h: string | null;
  volume_24h: string | null;
  quote_volume_24h: string | null;
  vwap_24h: string | null;
  auction: Auction | null;
  timestamp: string;
}

/** A match of an order; the counterparty's ids are null for those who do not own them. */
export interface Trade {
  id: string;
  market: string;
  price: string;
  quantity: string;
  amount: string;
  buyer_order_id: string | null;
  seller_order_id: string | null;
  buyer_id: string | null;
  seller_id: string | null;
  taker_side: "buy" | "sell";
  created_at: string;
}
