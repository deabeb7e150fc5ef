// SPDX-License-Identifier: Apache-2.0
// A program that asks for keys: the page asks for one, and everything it does carries it.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { openBrowser, openPage } from "./browser.mjs";
import { Daemon, personPicture } from "./daemon.mjs";

const key = "correct-horse";

describe("the page of a program with keys", () => {
    let daemon;
    let browser;

    before(async () => {
        daemon = await Daemon.start({ set: ["api.key_enabled=true", `api.keys=["${key}"]`] });
        browser = await openBrowser();
    });

    after(async () => {
        await browser?.close();
        await daemon?.destroy();
    });

    test("key_is_asked_for_kept_for_the_tab_and_used_for_pictures_and_sockets", async () => {
        const { page, context, troubles } = await openPage(browser);
        await page.goto(daemon.url);
        const dialog = page.getByRole("dialog", { name: "An API key is needed" });
        await dialog.waitFor();
        await dialog.getByLabel("API key").fill("wrong");
        await dialog.getByRole("button", { name: "Use this key" }).click();
        await dialog.getByText("did not fit").waitFor();
        await dialog.getByLabel("API key").fill(key);
        await page.keyboard.press("Enter");
        await dialog.waitFor({ state: "detached" });
        await page.waitForFunction(() => !document.title.startsWith("○"));
        await daemon.upload(await personPicture(daemon.folder));
        const row = page.locator(".feed [data-row]").first();
        await row.waitFor({ timeout: 5000 });
        await page.locator('[data-camera="front_door"] img[src^="blob:"]').waitFor();
        await page.reload();
        await row.waitFor();
        assert.equal(await dialog.count(), 0);
        assert.ok(!page.url().includes(key));
        assert.deepEqual(troubles, []);
        await context.close();
    });
});
