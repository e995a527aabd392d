import assert from "node:assert/strict";
import { test } from "node:test";

import { csvOf } from "../src/state/csv.ts";

test("figures stay figures, and nothing else becomes a formula", () => {
  const columns = [
    ["a", (row: string[]) => row[0] ?? null],
    ["b", (row: string[]) => row[1] ?? null],
  ] as const;
  const rows = [["-0.5", 'say "x", y'], ["=1+1", "two\nlines"], ["-x", "@y"], []];
  assert.equal(
    csvOf(columns, rows),
    'a,b\r\n-0.5,"say ""x"", y"\r\n\'=1+1,"two\nlines"\r\n\'-x,\'@y\r\n,\r\n',
  );
});
