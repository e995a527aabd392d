// Builds what Django serves from static/build: `node build.mjs` (add --watch while developing).
import { context } from "esbuild";
import { fileURLToPath } from "node:url";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

const bundles = await context({
  absWorkingDir: here("."),
  entryPoints: {
    app: "src/main.ts", // the trading page
    site: "src/site.ts", // account pages
    theme: "src/theme.ts", // runs before the first paint, so that the theme does not flash
    styles: "src/styles/main.css",
  },
  outdir: here("../static/build"),
  bundle: true,
  minify: true,
  sourcemap: "linked",
  format: "iife",
  target: ["es2022", "chrome109", "firefox115", "safari16"],
  legalComments: "linked",
  logLevel: "info",
});

if (process.argv.includes("--watch")) {
  await bundles.watch();
} else {
  await bundles.rebuild();
  await bundles.dispose();
}
