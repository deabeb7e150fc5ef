// SPDX-License-Identifier: Apache-2.0
// Builds the tests of the page's logic for Node (any from 18) and runs them with its runner.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "vite";

const here = fileURLToPath(new URL(".", import.meta.url));
const out = mkdtempSync(join(tmpdir(), "nightjar-web-test-"));
const names = readdirSync(here).filter((name) => name.endsWith(".test.ts"));
let status = 1;
try {
    await build({
        configFile: false,
        logLevel: "error",
        root: here,
        ssr: { noExternal: true },
        build: {
            ssr: true,
            target: "node18",
            outDir: out,
            rollupOptions: { input: names.map((name) => join(here, name)), output: { entryFileNames: "[name].mjs", chunkFileNames: "parts/[name]-[hash].mjs" } },
        },
    });
    const files = readdirSync(out).filter((name) => name.endsWith(".test.mjs"));
    status = spawnSync(process.execPath, ["--test", "--test-reporter=spec", ...files.map((name) => join(out, name))], { stdio: "inherit" }).status ?? 1;
} finally {
    rmSync(out, { recursive: true, force: true });
}
process.exit(status);
