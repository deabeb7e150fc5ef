// SPDX-License-Identifier: Apache-2.0
// The page of the real program in real Chromium, with the demo video playing.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { desk, night, openBrowser, openPage, phone } from "./browser.mjs";
import { Camera, testVideo } from "./camera.mjs";
import { Daemon, personPicture, street, until } from "./daemon.mjs";

const FEED_MS = 2000;
let daemon;
let browser;
let person;

const feedOf = (page) => page.getByRole("region", { name: "Activity" });
const detailOf = (page) => page.getByRole("complementary", { name: "Event" });

async function openLive(options) {
    const opened = await openPage(browser, options);
    await opened.page.goto(daemon.url);
    await opened.page.waitForFunction(() => !document.title.startsWith("○"));
    return opened;
}

async function newestEvent() {
    return until("an event", async () => (await daemon.json("/api/events?limit=1")).items[0], 30000);
}

// Runs in the page: what a reader or a finger would stumble over.
function findFaults() {
    const faults = [];
    const nameOf = (one) =>
        (one.getAttribute("aria-label") ?? "") + (one.textContent ?? "") + [...(one.labels ?? [])].map((label) => label.textContent).join("");
    const isShown = (one) => one.getClientRects().length > 0 && !one.closest(".skip") && !one.classList.contains("skip");
    for (const one of document.querySelectorAll("button, a, input, select, textarea")) {
        if (!isShown(one)) continue;
        if (nameOf(one).trim() === "") faults.push(`no name: ${one.outerHTML.slice(0, 80)}`);
        const box = one.getBoundingClientRect();
        if (box.height < 43.5 || box.width < 43.5) faults.push(`small target ${Math.round(box.width)}x${Math.round(box.height)}: ${one.outerHTML.slice(0, 80)}`);
    }
    for (const one of document.querySelectorAll("img")) if (!one.hasAttribute("alt")) faults.push("img without alt");
    for (const one of document.querySelectorAll("[aria-labelledby]"))
        if (!document.getElementById(one.getAttribute("aria-labelledby"))) faults.push(`label is missing: ${one.getAttribute("aria-labelledby")}`);
    const ids = [...document.querySelectorAll("[id]")].map((one) => one.id);
    for (const id of new Set(ids)) if (ids.filter((other) => other === id).length > 1) faults.push(`two with id ${id}`);
    for (const role of ["main", "nav", "h1"]) if (document.querySelectorAll(role).length !== 1) faults.push(`not one ${role}`);
    if (document.documentElement.lang === "") faults.push("no language");
    return faults;
}

// Contrast of every text against what is painted behind it (WCAG AA: 4.5, large 3).
function findPale() {
    const parse = (text) => (text.match(/[\d.]+/g) ?? [0, 0, 0, 0]).map(Number);
    const luminance = ([r, g, b]) =>
        [r, g, b].map((c) => c / 255).map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)).reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
    const behind = (one) => {
        for (let at = one; at; at = at.parentElement) {
            const colour = parse(getComputedStyle(at).backgroundColor);
            if (colour.length < 4 || colour[3] > 0.8) return colour;
        }
        return [255, 255, 255];
    };
    const pale = [];
    for (const one of document.querySelectorAll("main *, header *, nav *, aside *")) {
        const own = [...one.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim() !== "");
        if (!own || one.closest("svg, .picture, .hidden, :disabled") || one.getClientRects().length === 0) continue;
        const style = getComputedStyle(one);
        const [a, b] = [luminance(parse(style.color)), luminance(behind(one))].sort((x, y) => y - x);
        const ratio = (a + 0.05) / (b + 0.05);
        const large = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.6 && Number(style.fontWeight) >= 700);
        if (ratio < (large ? 3 : 4.5)) pale.push(`${ratio.toFixed(2)} ${one.className} "${one.textContent.trim().slice(0, 30)}"`);
    }
    return pale;
}

before(async () => (browser = await openBrowser()));
after(() => browser?.close());

describe("the page of the real program", () => {
    before(async () => {
        daemon = await Daemon.start({ set: street() });
        person = await personPicture(daemon.folder);
    });

    after(async () => {
        const end = await daemon?.destroy();
        assert.deepEqual(end, { code: 0, signal: null }, "the program drains and ends by itself");
    });

    test("playing_camera_shows_its_picture_with_boxes_and_track_ids", async () => {
        const { page, context, troubles } = await openLive();
        const tile = page.locator('[data-camera="street"]');
        await tile.locator("[data-box]").first().waitFor({ timeout: 15000 });
        assert.match(await tile.locator("[data-label]").first().textContent(), /^#\d+ /);
        const image = tile.locator("img");
        assert.ok(await image.evaluate((one) => one.naturalWidth > 0 && one.complete));
        const before = await image.getAttribute("src");
        await page.waitForFunction((src) => document.querySelector('[data-camera="street"] img')?.getAttribute("src") !== src, before);
        assert.match(await tile.locator("footer").textContent(), /live/);
        assert.deepEqual(troubles, []);
        await context.close();
    });

    test("uploaded_person_is_in_the_feed_within_two_seconds_without_a_reload", async () => {
        const { page, context, troubles } = await openLive();
        await feedOf(page).waitFor();
        await page.evaluate(() => (window.sameDocument = true));
        const row = feedOf(page).locator("[data-row]", { hasText: "front_door" }).first();
        assert.equal(await row.count(), 0);
        const dropped = Date.now();
        await daemon.upload(person);
        await row.waitFor({ timeout: FEED_MS });
        const took = Date.now() - dropped;
        console.log(`# upload to feed: ${took} ms`);
        assert.ok(took <= FEED_MS, `took ${took} ms`);
        assert.equal(await page.evaluate(() => window.sameDocument), true);
        const tile = page.locator('[data-camera="front_door"]');
        await tile.locator("[data-box]").first().waitFor();
        assert.match(await tile.locator("[data-label]").first().textContent(), /%/);
        await row.click();
        await detailOf(page).getByText("Why this score").waitFor();
        await detailOf(page).locator(".shot img").waitFor();
        assert.match(page.url(), /event=\d+/);
        await page.goBack();
        await detailOf(page).waitFor({ state: "detached" });
        assert.deepEqual(troubles, []);
        await context.close();
    });

    test("everything_goes_by_keyboard", async () => {
        const event = await newestEvent();
        const { page, context } = await openLive();
        await page.goto(`${daemon.url}/?view=events`);
        await page.locator("main [data-row]").first().waitFor();
        await page.keyboard.press("j");
        const focused = () => page.evaluate(() => document.activeElement?.getAttribute("data-event"));
        const first = await focused();
        assert.ok(Number(first) >= event.id);
        await page.keyboard.press("j");
        assert.notEqual(await focused(), first);
        await page.keyboard.press("k");
        assert.equal(await focused(), first);
        await page.keyboard.press("Enter");
        const review = detailOf(page).getByRole("button", { name: /reviewed/i });
        await review.waitFor();
        assert.equal(await review.getAttribute("aria-pressed"), "false");
        await page.keyboard.press("r");
        await page.waitForFunction(() => document.querySelector("[data-review]")?.getAttribute("aria-pressed") === "true");
        assert.equal((await daemon.json(`/api/events/${first}`)).reviewed, true);
        await page.keyboard.press("Escape");
        await detailOf(page).waitFor({ state: "detached" });
        await page.waitForFunction((id) => document.activeElement?.getAttribute("data-event") === id, first);
        await page.keyboard.press("?");
        await page.getByRole("dialog", { name: "Keys" }).waitFor();
        await page.keyboard.press("Escape");
        await page.getByRole("dialog").waitFor({ state: "detached" });
        await page.keyboard.press("/");
        await page.waitForFunction(() => document.activeElement?.hasAttribute("data-search"));
        await page.keyboard.type("nobody wears a purple hat");
        await page.getByText("No event fits").waitFor();
        assert.match(page.url(), /q=nobody/);
        await context.close();
    });

    test("notes_are_kept_and_told_to_other_pages", async () => {
        const { id } = await newestEvent();
        const here = await openLive();
        const there = await openLive();
        for (const { page } of [here, there]) await page.goto(`${daemon.url}/?view=events&event=${id}`);
        await detailOf(here.page).getByLabel("Notes").fill("the <b>postman</b>");
        await detailOf(here.page).getByRole("button", { name: "Save notes" }).click();
        await detailOf(here.page).getByText("Notes saved").waitFor();
        await there.page.waitForFunction(() => document.querySelector(".detail textarea")?.value === "the <b>postman</b>");
        assert.equal((await daemon.json(`/api/events/${id}`)).notes, "the <b>postman</b>");
        await here.context.close();
        await there.context.close();
    });

    test("filters_are_addresses_and_narrow_the_list", async () => {
        const { page, context } = await openLive();
        await page.goto(`${daemon.url}/?view=events`);
        await page.locator("main [data-row]").first().waitFor();
        await page.getByLabel("Camera").selectOption("front_door");
        await page.waitForURL(/camera=front_door/);
        const wanted = await daemon.json("/api/events?camera_id=front_door");
        await page.waitForFunction((count) => document.querySelectorAll("main [data-row]").length === count, wanted.items.length);
        await page.reload();
        await page.waitForFunction((count) => document.querySelectorAll("main [data-row]").length === count, wanted.items.length);
        await context.close();
    });

    test("system_view_says_the_state_in_words_and_figures", async () => {
        const { page, context, troubles } = await openLive();
        await page.getByRole("navigation", { name: "Views" }).getByRole("link", { name: "System" }).click();
        await page.waitForFunction(() => (document.querySelector(".verdict")?.textContent ?? "").trim().length > 4);
        await page.getByRole("article", { name: "Detection queue" }).waitFor();
        const services = Object.keys((await daemon.json("/api/system/health/full")).services);
        assert.equal(await page.getByRole("list", { name: "Services" }).getByRole("listitem").count(), services.length);
        assert.deepEqual(troubles, []);
        await context.close();
    });

    test("page_speaks_to_its_own_host_only_and_is_named_for_a_screen_reader", async () => {
        for (const view of ["live", "events", "system"]) {
            const { page, context, hosts } = await openLive();
            await page.goto(`${daemon.url}/?view=${view}`);
            await page.locator("main h2").first().waitFor();
            const faults = await page.evaluate(findFaults);
            assert.deepEqual(faults, [], view);
            assert.deepEqual([...hosts], [new URL(daemon.url).host]);
            await context.close();
        }
    });

    test("text_has_contrast_in_light_and_dark", async () => {
        const { id } = await newestEvent();
        for (const scheme of [desk, night]) {
            for (const query of ["", `?view=events&event=${id}`, "?view=system"]) {
                const { page, context } = await openLive(scheme);
                await page.goto(`${daemon.url}/${query}`);
                await page.locator("main [data-row], main .card").first().waitFor();
                assert.deepEqual(await page.evaluate(findPale), [], `${scheme.colorScheme} ${query}`);
                await context.close();
            }
        }
    });

    test("narrow_window_needs_no_sideways_scrolling_and_the_rail_is_below", async () => {
        const { id } = await newestEvent();
        for (const query of ["", "?view=events", `?view=events&event=${id}`, "?view=system"]) {
            const { page, context } = await openLive(phone);
            await page.goto(`${daemon.url}/${query}`);
            await page.locator("main h2").first().waitFor({ state: "attached" });
            const [width, rail] = await page.evaluate(() => [document.documentElement.scrollWidth, document.querySelector(".rail").getBoundingClientRect().bottom]);
            assert.equal(width, 320, query);
            assert.equal(Math.round(rail), 640, query);
            if (query.includes("event=")) assert.equal(await page.locator("main").isVisible(), false, "the detail covers the list");
            await context.close();
        }
    });

    test("nothing_moves_under_a_reader_who_is_further_down", async () => {
        const { page, context } = await openLive();
        const list = page.locator(".feed-list");
        for (const camera of ["north", "east", "south", "west", "roof", "cellar"]) await daemon.upload(person, camera);
        await until("a feed that scrolls", () => list.evaluate((one) => one.scrollHeight > one.clientHeight + 100), 30000);
        await list.evaluate((one) => one.scrollTo(0, 90));
        await page.waitForFunction(() => document.querySelector(".feed-list").scrollTop > 50);
        const first = () => page.locator(".feed [data-row]").first().getAttribute("data-event");
        const before = await first();
        await daemon.upload(person, "back_door", "second.jpg");
        const pill = feedOf(page).getByRole("button", { name: /new$/ });
        await pill.waitFor({ timeout: 15000 });
        assert.equal(await first(), before);
        await until("the new event", async () => (await daemon.json("/api/events?camera_id=back_door")).items[0]);
        await pill.click();
        await feedOf(page).locator("[data-row]", { hasText: "back_door" }).first().waitFor();
        await page.waitForFunction((id) => document.querySelector(".feed [data-row]")?.getAttribute("data-event") !== id, before);
        await context.close();
    });

    test("long_name_of_a_camera_leaves_the_filters_on_the_page", async () => {
        await daemon.upload(person, "n".repeat(200));
        await until("the camera", async () => (await daemon.json("/api/cameras")).items.find((one) => one.name.length === 200));
        const { page, context } = await openLive();
        await page.goto(`${daemon.url}/?view=events`);
        const field = page.locator(".filters select").first();
        await field.locator("option", { hasText: "nnnn" }).waitFor({ state: "attached" });
        const { x, width } = await field.boundingBox();
        assert.ok(x + width <= page.viewportSize().width, `ends at ${x + width}`);
        assert.ok(width <= 240, `${width} wide`);
        await context.close();
    });

    test("page_says_that_it_is_offline_and_comes_back_by_itself", async () => {
        const { page, context } = await openLive();
        await daemon.stop();
        const banner = page.getByText(/^Offline/);
        await banner.waitFor({ timeout: 5000 });
        await page.getByText(/Next try in \d+ s|Trying/).waitFor();
        assert.ok((await page.locator(".feed [data-row]").count()) > 0, "the old state stays to be read");
        await daemon.run();
        await banner.waitFor({ state: "detached", timeout: 35000 });
        await daemon.upload(person, "garage", "third.jpg");
        await feedOf(page).locator("[data-row]", { hasText: "garage" }).first().waitFor({ timeout: 5000 });
        await context.close();
    });
});

describe("a camera on whose pictures nothing is recognised", () => {
    let quiet;

    before(async () => (quiet = await Daemon.start({ set: ["detect.engine=null", "detect.null_script=[]"] })));
    after(() => quiet?.destroy());

    test("tile_shows_the_newest_upload_without_boxes_and_the_next_without_a_reload", async () => {
        const { page, context, troubles } = await openPage(browser);
        const picture = await personPicture(quiet.folder);
        await page.goto(quiet.url);
        await page.evaluate(() => (window.sameDocument = true));
        await quiet.upload(picture, "gate", "first.jpg");
        const image = page.locator('[data-camera="gate"] img');
        await image.waitFor({ timeout: 15000 });
        assert.ok(await image.evaluate((one) => one.naturalWidth > 0 && one.complete));
        assert.match(await image.getAttribute("alt"), /nothing recognised$/);
        const before = await image.getAttribute("src");
        await quiet.upload(picture, "gate", "second.jpg");
        await page.waitForFunction((src) => document.querySelector('[data-camera="gate"] img')?.getAttribute("src") !== src, before, { timeout: 15000 });
        assert.equal(await page.locator('[data-camera="gate"] [data-box]').count(), 0);
        assert.equal(await page.evaluate(() => window.sameDocument), true);
        assert.equal((await quiet.json("/api/detections?camera_id=gate")).items.length, 0);
        assert.deepEqual(troubles, []);
        await context.close();
    });
});

describe("a live camera", () => {
    const batch = ["batch.window_seconds=6", "batch.idle_timeout_seconds=3", "batch.check_interval_seconds=0.5"];
    let camera;
    let lone;

    before(async () => {
        camera = await Camera.start({ street: testVideo("street") });
        const source = { id: "road", name: "Road", kind: "rtsp", url: camera.url("street"), fps: 5 };
        lone = await Daemon.start({ set: [`sources.list=${JSON.stringify([source])}`, ...batch] });
    });

    after(async () => {
        const end = await lone?.destroy();
        await camera?.stop();
        assert.deepEqual(end, { code: 0, signal: null });
    });

    test("people_before_an_rtsp_camera_end_in_events_on_the_page", async () => {
        const { page, context, troubles } = await openPage(browser);
        await page.goto(lone.url);
        const row = feedOf(page).locator("[data-row]", { hasText: /person.* at Road/i }).first();
        await row.waitFor({ timeout: 60000 });
        await page.locator('[data-camera="road"] [data-box]').first().waitFor();
        await row.click();
        await detailOf(page).locator(".shot img").waitFor();
        assert.equal((await camera.stats("street")).connections_ever, 1);
        assert.deepEqual(troubles, []);
        await context.close();
    });
});
