import assert from "node:assert/strict";
import { test } from "node:test";

import { csvOf } from "../src/state/csv.ts";

test("figures stay figures, and nothing else becomes a formula", () => {
  const rows = [
    { a: "-0.5", b: 'say "x", y' },
    { a: "=1+1", b: "two\nlines" },
    { a: "-x", b: "@y", c: true },
    { b: null },
  ];
  assert.equal(
    csvOf(rows),
    'a,b,c\r\n-0.5,"say ""x"", y",\r\n\'=1+1,"two\nlines",\r\n\'-x,\'@y,true\r\n,,\r\n',
  );
});
