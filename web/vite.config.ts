// SPDX-License-Identifier: Apache-2.0
// Builds the page into dist/: hashed files, nothing inline, so that a strict content policy holds.
import { defineConfig } from "vite";

const daemon = "http://127.0.0.1:8000"; // of a program that runs beside the page's own server

export default defineConfig({
    esbuild: { legalComments: "none", jsx: "automatic" },
    build: {
        target: "es2021",
        assetsInlineLimit: 0,
        modulePreload: { polyfill: false },
        chunkSizeWarningLimit: 400,
    },
    server: {
        proxy: {
            "/api": daemon,
            "/openapi.json": daemon,
            "/ws": { target: daemon, ws: true },
        },
    },
});
