// SPDX-License-Identifier: Apache-2.0
// Pictures of every view in light, dark and narrow, of the real program with the demo video and the example archive:
//   ./dev examples && node tools/screenshots.mjs [FOLDER]     (docs/ without one; NIGHTJAR names the program)
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { rename } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { desk, night, openBrowser, openPage, phone } from "../tests/e2e/browser.mjs";
import { Camera, testVideo } from "../tests/e2e/camera.mjs";
import { Daemon, street, until, video } from "../tests/e2e/daemon.mjs";
import { Backend } from "../tests/e2e/websocket.mjs";

const folder = process.argv[2] ?? fileURLToPath(new URL("../docs", import.meta.url));
const archives = fileURLToPath(new URL("../build/examples", import.meta.url));
const archive = join(archives, "vehicle-body.mpta");
const still = { reducedMotion: "reduce" };
const TREE_BELOW = 240; // pixels more, so that a display and its archive are on one picture
const schemes = { light: { ...desk, ...still }, dark: { ...night, ...still }, narrow: { ...phone, ...still } };
// Cameras that upload: a moment of the video and a part of it each.
const uploads = {
    garden: [4, "480:360:0:180"], garage: [17, "480:360:288:0"], side_gate: [33, "480:360:140:120"],
    back_yard: [48, "480:360:288:180"], front_door: [62, "640:480:64:48"],
};

function ffmpeg(...words) {
    execFileSync("ffmpeg", ["-nostdin", "-v", "error", "-y", ...words]);
}

if (!existsSync(archive)) throw new Error(`${archive} is missing: ./dev examples makes it`);
const camera = await Camera.start({ drive: testVideo("street") });
const daemon = await Daemon.start({ set: [...street(), `archives.roots=${JSON.stringify([archives])}`, "worker.allow_loopback=true"] });
const backend = await Backend.open(daemon.port, "/ws/worker");
const browser = await openBrowser();
try {
    for (const [name, [second, part]] of Object.entries(uploads)) {
        const picture = join(daemon.folder, `${name}.jpg`);
        ffmpeg("-ss", String(second), "-i", video, "-frames:v", "1", "-vf", `crop=${part}`, "-q:v", "3", picture);
        await daemon.upload(picture, name);
    }
    backend.send({
        type: "setSubscriptionList",
        subscriptions: [{ subscriptionIdentifier: "gate;drive", rtspUrl: camera.url("drive"), modelUrl: `file://${archive}`, modelName: "vehicles", modelId: "1" }],
    });
    const event = await until("an event of the upload", async () => (await daemon.json("/api/events?camera_id=front_door")).items[0], 60000);
    await until("some events", async () => (await daemon.json("/api/events?limit=8")).items.length > Object.keys(uploads).length, 60000);
    await until("a result", async () => (await daemon.json("/api/subscriptions")).items[0]?.newest_result, 60000);
    const views = {
        page: "", events: "?view=events", event: `?view=events&event=${event.id}`, cameras: "?view=cameras", displays: "?view=cameras", system: "?view=system",
    };
    for (const [scheme, options] of Object.entries(schemes)) {
        for (const [name, query] of Object.entries(views)) await shoot(name, scheme, options, query);
    }
} finally {
    backend.drop();
    await browser.close();
    await daemon.destroy();
    await camera.stop();
}

async function shoot(name, scheme, options, query) {
    const { page, context } = await openPage(browser, options);
    if (name === "displays") await page.setViewportSize({ ...options.viewport, height: options.viewport.height + TREE_BELOW });
    await page.goto(`${daemon.url}/${query}`);
    if (name === "page" || name === "cameras") await page.locator("[data-camera=street] [data-box]").first().waitFor();
    if (name === "event") await page.locator(".shot img").waitFor();
    if (name === "displays") await page.locator("[data-subscription] [data-box]").first().waitFor();
    await page.locator(".head-verdict .grade-good").waitFor();
    await page.locator("main .skeleton").first().waitFor({ state: "detached" });
    await page.waitForFunction(() => [...document.images].every((image) => image.complete || image.loading === "lazy"));
    if (name === "event") await page.locator(".shot").focus();
    if (name === "displays") await page.locator("#displays-title").evaluate((title) => title.scrollIntoView());
    const path = join(folder, `${name}-${scheme}.png`);
    await page.screenshot({ path });
    // 256 colours are a third of the bytes, and hardly to be told from all of them.
    ffmpeg("-i", path, "-vf", "split[a][b];[a]palettegen=max_colors=176[p];[b][p]paletteuse=dither=none", "-pred", "mixed", "-f", "image2", `${path}.part.png`);
    await rename(`${path}.part.png`, path);
    console.error(path);
    await context.close();
}
