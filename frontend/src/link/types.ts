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

/** A new price, total quantity (what is filled counts), price to wait for, or several. */
export interface AmendOrderIn {
  price?: string | null;
  quantity?: string | null;
  stop_price?: string | null;
  trigger_price?: string | null;
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

/** What went wrong: a stable code, a text for people, and what it is about. */
export interface ErrorBody {
  code: string;
  message: string;
  details?: Record<string, unknown>;
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

/** What the caller chose of the trading page; each write adds one to the version. */
export interface Preferences {
  version: number;
  document: PageChoices;
  updated_at: string | null;
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
