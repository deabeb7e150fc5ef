// SPDX-License-Identifier: Apache-2.0
// Pictures of every view in light, dark and narrow, of the real program with the demo video:
//   node tools/screenshots.mjs [FOLDER]     (docs/ without one; NIGHTJAR names the program)
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { desk, night, openBrowser, openPage, phone } from "../tests/e2e/browser.mjs";
import { Daemon, personPicture, street, until } from "../tests/e2e/daemon.mjs";

const folder = process.argv[2] ?? fileURLToPath(new URL("../docs", import.meta.url));
const still = { reducedMotion: "reduce" };
const schemes = { light: { ...desk, ...still }, dark: { ...night, ...still }, narrow: { ...phone, ...still } };

const daemon = await Daemon.start({ set: street() });
const browser = await openBrowser();
try {
    const person = await personPicture(daemon.folder);
    const cameras = ["garden", "garage", "side_gate", "back_yard", "front_door"];
    for (const camera of cameras) await daemon.upload(person, camera);
    const event = await until("an event of the upload", async () => (await daemon.json("/api/events?camera_id=front_door")).items[0]);
    await until("some events", async () => (await daemon.json("/api/events?limit=8")).items.length > cameras.length, 60000);
    const views = { page: "", events: "?view=events", event: `?view=events&event=${event.id}`, cameras: "?view=cameras", system: "?view=system" };
    for (const [scheme, options] of Object.entries(schemes)) {
        for (const [name, query] of Object.entries(views)) await shoot(name, scheme, options, query);
    }
} finally {
    await browser.close();
    await daemon.destroy();
}

async function shoot(name, scheme, options, query) {
    const { page, context } = await openPage(browser, options);
    await page.goto(`${daemon.url}/${query}`);
    if (name === "page") await page.locator("[data-camera=street] [data-box]").first().waitFor();
    if (name === "event") await page.locator(".shot img").waitFor();
    await page.waitForFunction(() => document.querySelector(".head-verdict .grade-good, .head-verdict .grade-warn, .head-verdict .grade-bad, .head-verdict .grade-unknown") !== null);
    await page.locator("main .skeleton").first().waitFor({ state: "detached" });
    await page.waitForFunction(() => [...document.images].every((image) => image.complete || image.loading === "lazy"));
    if (name === "event") await page.locator(".shot").focus();
    const path = join(folder, `${name}-${scheme}.png`);
    await page.screenshot({ path });
    console.error(path);
    await context.close();
}
