// Builds one script per page into frontend/dist with the manifest that the templates read. Every folder of src/ with a page.ts is a page.
import { existsSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const root = fileURLToPath(new URL(".", import.meta.url));
const pages = readdirSync(`${root}src`).filter((folder) => existsSync(`${root}src/${folder}/page.ts`));

export default defineConfig({
  root,
  base: "./",
  build: {
    outDir: "dist",
    emptyOutDir: false, // a server that runs keeps the files that its manifest names; `make clean` removes them all
    manifest: "manifest.json",
    target: "es2022",
    assetsInlineLimit: 0,
    rollupOptions: { input: Object.fromEntries(pages.map((page) => [page, `${root}src/${page}/page.ts`])) },
  },
  server: { port: 5173, strictPort: true },
  test: { environment: "happy-dom", include: ["tests/**/*.test.ts"] },
});
