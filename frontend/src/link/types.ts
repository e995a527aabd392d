/** The shapes of the v1 API that the page reads (docs: /api/docs). Decimals are strings. */

export type Side = "Buy" | "Sell";
export type OrderStatus =
  | "New"
  | "PartiallyFilled"
  | "Filled"
  | "Cancelled"
  | "Rejected"
  | "Expired"
  | "Triggered"
  | "Pending";

export interface Market {
  symbol: string;
  base_asset: string;
  quote_asset: string;
  price_tick: string;
  quantity_step: string;
  min_order_size: string;
  max_order_size: string;
  max_price: string;
  max_quantity: string;
  /** How far a limit price may be from the last price, as a fraction; null where it may be any. */
  max_price_deviation: string | null;
  /** Decimals of the two assets' smallest units. */
  base_scale: number;
  quote_scale: number;
  trading_enabled: boolean;
  state: string;
  maker_fee: string;
  taker_fee: string;
}

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
}

export interface PublicTrade {
  id: string;
  market: string;
  price: string;
  quantity: string;
  taker_side: "buy" | "sell";
  timestamp: string;
}

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
  trades: number;
}

export interface Order {
  id: string;
  client_order_id: string | null;
  user_id: string;
  market: string;
  side: Side;
  order_type: string;
  price: string | null;
  quantity: string | null;
  quote_quantity?: string | null;
  remaining_quantity: string | null;
  filled_quantity: string;
  average_fill_price: string | null;
  time_in_force: string;
  post_only?: boolean;
  status: OrderStatus;
  reason?: string | null;
  created_at: string;
  updated_at: string;
}

export interface Fill {
  id: string;
  order_id: string;
  /** Pushes only: which of the user's accounts. */
  account_id?: string;
  market: string;
  side: Side;
  price: string;
  quantity: string;
  amount: string;
  fee: string;
  fee_asset: string;
  liquidity: "Maker" | "Taker";
  created_at: string;
}

export interface Balance {
  account_id: string;
  asset: string;
  total: string;
  available: string;
  locked: string;
  updated_at: string;
}

export interface AccountRef {
  id: string;
  label: string;
  /** The account's own rates; null where the market's hold. */
  maker_fee: string | null;
  taker_fee: string | null;
}

export interface PageConfig {
  market: string;
  user: { email: string } | null;
  accounts: AccountRef[];
  demo: boolean;
  faucet: boolean;
  csrf_cookie: string;
  version: string;
}

export interface BookMessage {
  bids: [string, string][];
  asks: [string, string][];
  sequence: number | string;
  prev_sequence?: number | string | null;
  checksum?: number | string | null;
}

export interface PlaceOrder {
  user_id: string;
  market: string;
  side: Side;
  order_type: "Limit" | "Market";
  price?: string;
  quantity?: string;
  quote_quantity?: string;
  time_in_force?: "GTC" | "IOC" | "FOK";
  post_only?: boolean;
  client_order_id: string;
}
