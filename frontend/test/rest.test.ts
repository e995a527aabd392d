import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";

import { Rest } from "../src/link/rest.ts";

const ORDERS = Array.from({ length: 1_234 }, (_, number) => ({ id: String(number) }));
const asked: string[] = [];
const server = createServer((request, response) => {
  const url = new URL(request.url ?? "", "http://here");
  asked.push(url.search);
  const from = Number(url.searchParams.get("cursor") ?? 0);
  const to = from + Number(url.searchParams.get("limit"));
  const next = to < ORDERS.length ? String(to) : null;
  response.end(JSON.stringify({ data: ORDERS.slice(from, to), meta: { next } }));
});
const browsers = globalThis.fetch;

before(async () => {
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  // A page asks its own origin; here there is none.
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  globalThis.fetch = (path, options) => browsers(`${origin}${String(path)}`, options);
});

after(() => {
  globalThis.fetch = browsers;
  server.close();
});

test("a paged list is read to its end", async () => {
  const found = await new Rest("csrf").getAll<{ id: string }>("/orders?limit=500&status=Open");

  assert.deepEqual(found, ORDERS);
  assert.deepEqual(asked, [
    "?limit=500&status=Open",
    "?limit=500&status=Open&cursor=500",
    "?limit=500&status=Open&cursor=1000",
  ]);
});
