// Builds what Django serves from static/build: `node build.mjs` (add --watch while developing).
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { context } from "esbuild";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

// What has to come, compressed, before the trading page can be used; the rest is imported on demand.
const FIRST_LOAD_BYTES_MAX = 220_000;
const COMMON = {
  absWorkingDir: here("."),
  outdir: here("../static/build"),
  bundle: true,
  minify: true,
  sourcemap: "linked",
  target: ["es2022", "chrome109", "firefox115", "safari16"],
  legalComments: "linked",
  logLevel: "info",
};

/** Fails a build whose first load is too large: the entry, and all that it imports at once. */
const budget = {
  name: "budget",
  setup(build) {
    build.onEnd(({ metafile, errors }) => {
      if (errors.length) return undefined;
      const { outputs } = metafile;
      const scripts = Object.keys(outputs).filter((name) => name.endsWith(".js"));
      const first = new Set(scripts.filter((name) => name.endsWith("/app.js")));
      for (const name of first) {
        for (const { path, kind } of outputs[name].imports) {
          if (kind === "import-statement") first.add(path);
        }
      }
      const sizeOf = (name) => gzipSync(readFileSync(here(name)), { level: 9 }).length;
      const total = [...first].reduce((sum, name) => sum + sizeOf(name), 0);
      // The page names them in its head, so that they come together and not one after the other.
      const names = [...first].map((name) => name.slice(name.indexOf("build/")));
      writeFileSync(here("../static/build/first-load.json"), JSON.stringify(names));
      console.log(`first load: ${total} bytes compressed, at most ${FIRST_LOAD_BYTES_MAX}`);
      for (const name of scripts) {
        if (!first.has(name)) console.log(`on demand: ${sizeOf(name)} bytes, ${name}`);
      }
      if (total <= FIRST_LOAD_BYTES_MAX) return undefined;
      return { errors: [{ text: `the first load has ${total} bytes compressed` }] };
    });
  },
};

// Chunks have the hash of their content in their names: those of builds before would stay.
rmSync(here("../static/build/chunks"), { recursive: true, force: true });
const bundles = await Promise.all([
  context({
    ...COMMON,
    entryPoints: { app: "src/main.ts" }, // the trading page
    format: "esm",
    splitting: true, // what is imported by `import()` comes when it is asked for
    chunkNames: "chunks/[name]-[hash]",
    metafile: true,
    plugins: [budget],
  }),
  context({
    ...COMMON,
    entryPoints: { markets: "src/markets.ts" }, // a page of its own, which shares nothing with it
    format: "esm",
    splitting: true,
    chunkNames: "chunks/[name]-[hash]",
  }),
  context({
    ...COMMON,
    entryPoints: { own: "src/own.ts" }, // orders and fills; apart, so that it splits no first load
    format: "esm",
    splitting: true,
    chunkNames: "chunks/own-[name]-[hash]",
  }),
  context({
    ...COMMON,
    entryPoints: {
      site: "src/site.ts", // account pages
      theme: "src/theme.ts", // runs before the first paint, so that the theme does not flash
      styles: "src/styles/main.css",
    },
    format: "iife",
  }),
]);

if (process.argv.includes("--watch")) {
  await Promise.all(bundles.map((bundle) => bundle.watch()));
} else {
  await Promise.all(bundles.map((bundle) => bundle.rebuild()));
  await Promise.all(bundles.map((bundle) => bundle.dispose()));
}
