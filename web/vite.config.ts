import { fileURLToPath } from "node:url";
import tailwind from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig, loadEnv } from "vite";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** What every answer of windlassd for a page says. */
const csp = [
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'",
  "form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
].join("; ");

/**
 * Development speaks to the windlassd at WINDLASS_DEV_ADDRESS. With WINDLASS_DEV_KEY, an API key, nobody has to sign in.
 */
export default defineConfig(({ mode }) => {
  const { WINDLASS_DEV_ADDRESS: target = "http://127.0.0.1:7070", WINDLASS_DEV_KEY: key } = loadEnv(
    mode,
    process.cwd(),
    "WINDLASS_DEV_",
  );
  const headers = key === undefined ? undefined : { authorization: `Bearer ${key}` };
  // The server takes calls of pages of its own host only: the proxy leaves the host as it is.
  const through = { target, ...(headers === undefined ? {} : { headers }) };
  const proxy = { "^/windlass\\.v1\\.": through, "/session": through };
  return {
    root: here("."),
    plugins: [react(), tailwind()],
    // The server validates requests; its rules are not needed in a browser.
    resolve: { alias: [{ find: /^.*\/buf\/validate\/validate_pb\.ts$/, replacement: here("src/data/no-rules.ts") }] },
    build: {
      outDir: here("../dist/web"),
      emptyOutDir: true,
      manifest: true,
      target: "es2022",
      modulePreload: { polyfill: false },
      // Images too are files: a data: address would be counted as script.
      assetsInlineLimit: 0,
      reportCompressedSize: false,
      rolldownOptions: { checks: { pluginTimings: false } },
    },
    server: { proxy },
    preview: { proxy, headers: { "Content-Security-Policy": csp } },
  };
});
