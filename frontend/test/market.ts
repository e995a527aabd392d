/** A market for tests that need one and do not care which. */

import type { Market } from "../src/link/types.ts";

export const MARKET: Market = {
  symbol: "BTC/USD",
  base_asset: "BTC",
  quote_asset: "USD",
  price_tick: "0.01",
  quantity_step: "0.0001",
  min_order_size: "10",
  max_order_size: "1000000",
  max_price: "100000",
  max_quantity: "5000",
  max_price_deviation: "0.1",
  max_open_orders: null,
  max_trigger_orders: null,
  max_iceberg_parts: 100,
  trigger_protection: "0.05",
  min_trail_bps: 10,
  max_trail_bps: 2000,
  self_trade_scope: "Owner",
  self_trade_prevention: "Taker",
  self_trade_preventions: ["Taker", "Maker"],
  base_scale: 8,
  quote_scale: 8,
  trading_enabled: true,
  state: "Continuous",
  maker_fee: "0.001",
  taker_fee: "0.002",
  is_demo: true,
  promotion: null,
};
