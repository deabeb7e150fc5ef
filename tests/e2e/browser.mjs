// SPDX-License-Identifier: Apache-2.0
// Debian's Chromium for the tests: headless, with no errand of its own to the network.
import { existsSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(new URL("../../web/package.json", import.meta.url));
const { chromium } = require("playwright-core");

const places = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const flags = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
];

export function openBrowser() {
    const executablePath = places.find((place) => place && existsSync(place));
    if (!executablePath) throw new Error("no Chromium here: ./dev setup test installs it");
    return chromium.launch({ executablePath, args: flags });
}

export const desk = { viewport: { width: 1280, height: 800 }, colorScheme: "light" };
export const night = { ...desk, colorScheme: "dark" };
export const phone = { viewport: { width: 320, height: 640 }, colorScheme: "light", hasTouch: true };

// A page that remembers what went wrong in it and whom it spoke to.
export async function openPage(browser, options = desk) {
    const context = await browser.newContext({ locale: "en-GB", ...options });
    const page = await context.newPage();
    const troubles = [];
    const hosts = new Set();
    page.on("pageerror", (error) => troubles.push(error.message));
    page.on("console", (message) => {
        const policy = /Content Security Policy/.test(message.text());
        if (policy || (message.type() === "error" && !/ERR_CONNECTION|WebSocket|Failed to load resource/.test(message.text())))
            troubles.push(message.text());
    });
    page.on("request", (request) => {
        if (/^(https?|wss?):/.test(request.url())) hosts.add(new URL(request.url()).host);
    });
    return { page, context, troubles, hosts };
}
