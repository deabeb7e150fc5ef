// SPDX-License-Identifier: Apache-2.0
// Much at once: a long list and a storm of events, from a stand-in that can make them.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Mock } from "../../web/test/mock-server.mjs";
import { openBrowser, openPage } from "./browser.mjs";

const LONG = 10000;
const ROWS_AT_MOST = 60;

describe("the page under load", () => {
    let mock;
    let browser;
    let url;

    before(async () => {
        mock = new Mock({ events: LONG });
        url = await mock.start();
        browser = await openBrowser();
    });

    after(async () => {
        await browser?.close();
        await mock?.stop();
    });

    test("list_of_ten_thousand_holds_few_rows_wherever_one_scrolls", async () => {
        const { page, context, troubles } = await openPage(browser);
        await page.goto(`${url}?view=events`);
        await page.locator("main [data-row]").first().waitFor();
        const scroll = () => page.locator(".long-list").evaluate((list) => list.scrollTo(0, list.scrollHeight));
        for (let size = 100; size < 1000; size += 100) {
            await scroll();
            await page.waitForFunction((count) => Number(document.querySelector("[aria-setsize]")?.getAttribute("aria-setsize")) > count, size);
        }
        assert.ok((await page.locator("main [data-row]").count()) <= ROWS_AT_MOST);
        assert.deepEqual(troubles, []);
        await context.close();
    });

    test("storm_of_events_leaves_a_feed_of_a_hundred_and_a_page_that_answers", async () => {
        const { page, context, troubles } = await openPage(browser);
        await page.goto(url);
        await page.waitForFunction(() => document.querySelectorAll(".feed [data-row]").length === 100);
        let last;
        for (let i = 0; i < 400; i++) last = mock.upload("front_door", i % 100);
        const begun = Date.now();
        await page.locator(`.feed [data-event="${last.id}"]`).waitFor({ timeout: 20000 });
        console.log(`# 1600 messages on the screen after ${Date.now() - begun} ms`);
        assert.equal(await page.locator(".feed [data-row]").count(), 100);
        const frame = await page.evaluate(
            () => new Promise((done) => requestAnimationFrame((a) => requestAnimationFrame((b) => done(b - a)))),
        );
        assert.ok(frame < 250, `a frame takes ${frame} ms after the storm`);
        assert.deepEqual(troubles, []);
        await context.close();
    });
});
