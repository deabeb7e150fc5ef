// SPDX-License-Identifier: Apache-2.0
// A scripted backend plays both generations of the detector worker's protocol against the real program, with a local
// archive and the test camera.
import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { after, before, describe, test } from "node:test";
import { carArchive, carManifest, carPipeline, zip } from "./archive.mjs";
import { openBrowser, openPage, phone } from "./browser.mjs";
import { Camera, testVideo } from "./camera.mjs";
import { Daemon, until } from "./daemon.mjs";
import { Backend } from "./websocket.mjs";

const JITTER_MS = 100;
const IMAGE_MS = 5;
// Each model takes what it knows, and of a part of the picture what lies there.
const car = [[
    { class: "car", confidence: 0.93, bbox: { x: 100, y: 60, width: 120, height: 80 } },
    { class: "Honda", confidence: 0.97, bbox: { x: 120, y: 90, width: 4, height: 4 } },
]];

let folder;
let daemon;
let camera;

async function startCamera() {
    const file = testVideo("small");
    camera = await Camera.start({ c0: file, c1: file, c2: file, c3: file });
}

function settings(archives) {
    return [
        "detect.engine=null",
        `detect.model=${new URL("../../models/yolox_nano_416.json", import.meta.url).pathname}`,
        `detect.null_script=${JSON.stringify(car)}`,
        `archives.roots=${JSON.stringify([archives])}`,
        `archives.cache_folder=${join(folder, "cache")}`,
        "worker.allow_loopback=true",
        "worker.fps=10",
        "worker_protocol.ping_seconds=1",
        "worker.reconnect_seconds=0.2",
        "worker.max_retries=2",
        "validator.min_stable_seconds=0.5",
        "validator.min_stable_frames=3",
    ];
}

function entry(id, more = {}) {
    return {
        subscriptionIdentifier: id,
        rtspUrl: camera.url(id.split(";")[1], "viewer:geheim"),
        modelUrl: `file://${join(folder, "archives", "cars.mpta")}`,
        modelName: "cars",
        modelId: "52",
        ...more,
    };
}

const isReport = (message) => message.type === "stateReport";
const isError = (code) => (message) => message.type === "error" && message.code === code;
const reportWith = (count, pleases) => (message) =>
    isReport(message) && message.cameraConnections.length === count && message.cameraConnections.every(pleases);
const isWorking = (one) => one.online && one.modelState === "ready";

before(async () => {
    folder = await mkdtemp(join(tmpdir(), "nightjar-worker-"));
    await mkdir(join(folder, "archives"));
    await writeFile(join(folder, "archives", "cars.mpta"), carArchive());
    await startCamera();
    daemon = await Daemon.start({ set: settings(join(folder, "archives")) });
});

after(async () => {
    const end = await daemon?.destroy();
    await camera?.stop();
    await rm(folder, { recursive: true, force: true });
    assert.equal(end?.code, 0); // it ended by itself, with subscriptions at work
});

describe("the first generation", () => {
    let backend;
    before(async () => (backend = await Backend.open(daemon.port, "/")));
    after(() => backend.drop());

    test("a report comes at once, and after a subscription the ack", async () => {
        await backend.next("a report", isReport);
        backend.send({ type: "subscribe", payload: entry("d1;c1", { cropX1: 50, cropY1: "20", cropX2: 300, cropY2: 170 }) });
        const ack = await backend.next("the ack", (message) => message.type === "subscribeAck");
        assert.equal(ack.status, "success");
        assert.equal(ack.subscriptionId, "d1;c1");
        const report = await backend.next("a picture", reportWith(1, isWorking));
        assert.equal(report.cameraConnections[0].modelId, 52);
        assert.equal(report.cameraConnections[0].cropX2, 300);
    });

    test("a car that stands is told, and its session is sent what is known", async () => {
        const detection = await backend.next("a detection", (message) => message.type === "imageDetection");
        assert.equal(detection.subscriptionIdentifier, "d1;c1");
        assert.equal(detection.sessionId, null);
        assert.equal(detection.data.modelName, "cars");
        assert.match(detection.timestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
        backend.send({ type: "setSessionId", payload: { displayIdentifier: "d1", sessionId: 4711 } });
        const patch = await backend.next("patchSession", (message) => message.type === "patchSession");
        assert.equal(patch.sessionId, 4711);
        assert.deepEqual(patch.data.currentCar, detection.data.detection);
        backend.send({ type: "patchSessionResult", payload: { sessionId: 4711, success: true, message: "ok" } });
        backend.send({ type: "requestState" });
        await backend.next("the session", reportWith(1, (one) => one.sessionId === 4711 && one.sessionState === "active"));
        backend.send({ type: "setSessionId", payload: { displayIdentifier: "d1", sessionId: null } });
        await backend.next("the end of the session", reportWith(1, (one) => one.sessionId === null && one.sessionState === "hold"));
        const { items } = await daemon.json("/api/subscriptions");
        assert.equal(items[0].runs, 1); // the same car is not looked at again
    });

    test("the newest picture comes cut, and from memory", async () => {
        const path = `${daemon.url}/camera/${encodeURIComponent("d1;c1")}/image?quality=80`;
        const first = await fetch(path);
        assert.equal(first.status, 200);
        assert.equal(first.headers.get("content-type"), "image/jpeg");
        const bytes = Buffer.from(await first.arrayBuffer());
        assert.equal(bytes.readUInt16BE(0), 0xffd8);
        assert.equal((await fetch(`${daemon.url}/camera/nobody/image`)).status, 404);
    });

    test("what is wrong is told and closes nothing", async () => {
        for (const text of ["", "{", "[]", "{\"type\":7}", "{\"type\":\"subscribe\"}", "x".repeat(1048577)]) backend.send(text);
        for (const code of ["invalid_json", "invalid_json", "invalid_message", "invalid_message", "missing_member", "message_too_big"])
            assert.equal((await backend.next(code, (message) => message.type === "error")).code, code);
        backend.send({ type: "unsubscribe", payload: { subscriptionIdentifier: "d9;c9" } });
        assert.equal((await backend.next("the refusal", isError("not_subscribed"))).exception, "MessageProcessingError");
        backend.ping();
        await until("the pong", () => backend.pongs === 1);
        assert.equal(backend.closed, null);
    });

    test("unsubscribe ends it", async () => {
        backend.send({ type: "unsubscribe", payload: { subscriptionIdentifier: "d1;c1" } });
        await backend.next("the ack", (message) => message.type === "unsubscribeAck");
        backend.send({ type: "requestState" });
        await backend.next("an empty report", reportWith(0, () => true));
    });

    test("who answers no ping is closed, who does stays", async () => {
        const deaf = await Backend.open(daemon.port, "/");
        deaf.answers = false;
        await until("the end", () => deaf.closed !== null);
        assert.equal(deaf.closed, 1008);
        assert.equal(backend.closed, null);
    });
});

describe("the second generation", () => {
    let backend;
    const list = () => [entry("d1;c2"), entry("d2;c2", { cropX1: 0, cropY1: 0, cropX2: 300, cropY2: 180 })];
    before(async () => (backend = await Backend.open(daemon.port, "/ws/worker")));
    after(() => backend.drop());

    test("two displays share one stream", async () => {
        backend.send({ type: "setSubscriptionList", subscriptions: list() });
        await backend.next("both", reportWith(2, isWorking));
        const { items } = await daemon.json("/api/streams");
        assert.equal(items.filter((one) => one.address.endsWith("/c2")).length, 1);
        assert.equal(items.find((one) => one.address.endsWith("/c2")).users, 2);
        assert.ok(!JSON.stringify(items).includes("geheim"));
    });

    test("a backend that comes back restarts nothing", async () => {
        const framesOf = async () => (await daemon.json("/api/subscriptions")).items.map((one) => one.frames);
        const earlier = await framesOf();
        backend.drop();
        await until("the end of the connection", async () => (await daemon.json("/health")).clients === 0);
        backend = await Backend.open(daemon.port, "/ws/worker");
        backend.send({ type: "setSubscriptionList", payload: { subscriptions: list() } });
        const report = await backend.next("both at once", reportWith(2, isWorking));
        assert.equal(report.cameraConnections.length, 2);
        const later = await framesOf();
        later.forEach((frames, i) => assert.ok(frames >= earlier[i]));
        const { items } = await daemon.json("/api/streams");
        assert.equal(items.find((one) => one.address.endsWith("/c2")).restarts, 0);
    });

    test("archives that are wrong are told with their reason", async () => {
        const cases = {
            "beyond.mpta": [carArchive({ "../outside.txt": "x" }), "archive_denied"],
            "absent.mpta": [zip({ "cars/pipeline.json": JSON.stringify(carPipeline), "cars/cars.json": JSON.stringify(carManifest) }), "archive_invalid"],
            "text.mpta": [Buffer.from("no archive"), "archive_invalid"],
            "twice.mpta": [carArchive({ "cars/CARS.json": "{}" }), "archive_invalid"],
        };
        for (const [name, [bytes, code]] of Object.entries(cases)) {
            await writeFile(join(folder, "archives", name), bytes);
            backend.send({ type: "subscribe", payload: entry("d7;c2", { modelUrl: `file://${join(folder, "archives", name)}` }) });
            const error = await backend.next(name, (message) => message.type === "error");
            assert.equal(error.code, code, `${name}: ${error.message}`);
            assert.equal(error.subscriptionIdentifier, "d7;c2");
            const report = await backend.next("the report", (message) => isReport(message) && message.cameraConnections.some((one) => one.modelState === "error"));
            assert.ok(report.cameraConnections.find((one) => one.subscriptionIdentifier === "d7;c2").modelError.length > 10);
        }
        backend.send({ type: "subscribe", payload: entry("d7;c2", { modelUrl: "file:///etc/passwd" }) });
        await backend.next("the refusal of a file outside", isError("archive_denied"));
        backend.send({ type: "unsubscribe", subscriptionIdentifier: "d7;c2" });
        await backend.next("the ack", (message) => message.type === "unsubscribeAck");
    });

    test("a stream that is given up is told, and asking again revives it", async () => {
        const broken = entry("d8;c8"); // there is no such mount
        const system = await Backend.open(daemon.port, "/ws/system");
        backend.send({ type: "subscribe", payload: broken });
        const error = await backend.next("the failure", isError("stream_failed"), 30000);
        assert.ok(!JSON.stringify(error).includes("geheim"));
        const told = await system.next("service_status", (message) =>
            message.type === "service_status" && message.data.service.startsWith("stream ") && message.data.status === "unhealthy");
        assert.match(told.data.service, /^stream rtsp:\/\/[^/]*\/c8$/);
        assert.ok(!JSON.stringify(told).includes("geheim"));
        system.drop();
        backend.messages.length = 0;
        backend.send({ type: "subscribe", payload: broken });
        await backend.next("the failure of another try", isError("stream_failed"), 30000);
        backend.send({ type: "unsubscribe", subscriptionIdentifier: "d8;c8" });
    });

    test("reports keep their beat under load, and unchanged lists are cheap", async () => {
        const many = Array.from({ length: 16 }, (_, i) => entry(`m${i};c${i % 4}`));
        backend.send({ type: "setSubscriptionList", subscriptions: many });
        await backend.next("all", reportWith(16, isWorking), 30000);
        const other = await Backend.open(daemon.port, "/");
        await other.next("the first report, which is no beat", isReport);
        const end = Date.now() + 9000;
        const load = async () => {
            while (Date.now() < end) await (await fetch(`${daemon.url}/api/subscriptions`)).arrayBuffer();
        };
        const late = monitorEventLoopDelay({ resolution: 5 }); // what a machine that is busy with others adds
        other.messages.length = 0;
        late.enable();
        await Promise.all([load(), load()]);
        late.disable();
        const beats = other.messages.filter(isReport).map((message) => message.at);
        const gaps = beats.slice(1).map((at, i) => at - beats[i]);
        assert.ok(gaps.length >= 3, `${gaps.length} reports`);
        const worst = Math.max(...gaps.map((gap) => Math.abs(gap - 2000)));
        const own = late.max / 1e6;
        console.log(`jitter of stateReport under load: ${worst.toFixed(1)} ms, of this process: ${own.toFixed(1)} ms`);
        assert.ok(worst <= JITTER_MS + own, `jitter of ${worst.toFixed(1)} ms in ${gaps}`);
        other.drop();
    });

    test("the newest picture is quick", async () => {
        const times = { "/camera/c1/image": [], "/health": [] };
        for (let i = 0; i < 40; i++) {
            for (const path in times) {
                const begun = performance.now();
                await (await fetch(daemon.url + path)).arrayBuffer();
                times[path].push(performance.now() - begun);
            }
        }
        const [picture, any] = Object.values(times).map((all) => all.sort((a, b) => a - b)[20]);
        console.log(`newest picture: ${picture.toFixed(2)} ms median, any answer: ${any.toFixed(2)} ms`);
        assert.ok(picture <= IMAGE_MS + any, `${picture} ms beside ${any} ms`);
    });

    test("health tells of all", async () => {
        const health = await daemon.json("/health");
        assert.equal(health.status, "alive");
        assert.ok(health.streams.active >= 4);
        assert.equal(health.database, true);
        assert.equal(health.redis, null);
        const { cache, pipelines } = await daemon.json("/api/models");
        assert.equal(cache.models, 1); // one copy of the weights for all
        assert.equal(pipelines.length, 1);
        assert.equal(pipelines[0].subscriptions.length, 16);
        assert.equal(pipelines[0].root.model_id, "car_detection_v1");
        assert.ok(pipelines[0].root.timing.runs > 0);
        const metrics = await (await fetch(`${daemon.url}/api/metrics`)).text();
        assert.match(metrics, /worker_errors_total\{code="invalid_json"\} 2/);
        assert.ok(!daemon.log.includes("geheim"));
    });
});

function brandArchive() {
    const actions = [{ type: "redis_publish", channel: "cars", message: "{nobody}" }];
    const root = { ...carPipeline.pipeline, actions, branches: [{ modelId: "car_brand_cls_v1", modelFile: "brand.onnx", crop: true, triggerClasses: ["car"], branches: [] }] };
    const brand = { name: "brand", weights: "brand.onnx", decoder: "classes", input: { width: 64, height: 64, fit: "stretch", order: "rgb", layout: "nchw" }, threshold: 0.3, classes: ["Honda", "Toyota"] };
    return carArchive({ "cars/pipeline.json": JSON.stringify({ pipeline: root }), "cars/brand.json": JSON.stringify(brand), "cars/brand.onnx": "more of them" });
}

describe("the page's displays", () => {
    let backend;
    let browser;

    before(async () => {
        await writeFile(join(folder, "archives", "brands.mpta"), brandArchive());
        browser = await openBrowser();
        backend = await Backend.open(daemon.port, "/ws/worker");
    });

    after(async () => {
        backend.drop();
        await browser?.close();
    });

    test("picture, boxes, track, branch results and the archive's tree with its times are shown", async () => {
        backend.send({ type: "setSubscriptionList", subscriptions: [entry("p1;c3", { modelUrl: `file://${join(folder, "archives", "brands.mpta")}` })] });
        const told = await backend.next("a detection", (message) => message.type === "imageDetection" && message.subscriptionIdentifier === "p1;c3");
        assert.deepEqual(told.data.detection, { carBrand: "Honda" });
        assert.match(daemon.log, /loaded with a warning.*brands\.mpta.*'\{nobody\}' is not known/);
        const { page, troubles } = await openPage(browser);
        await page.goto(`${daemon.url}/?view=cameras`);
        const card = page.locator('[data-subscription="p1;c3"]');
        await card.locator("[data-box]").first().waitFor();
        assert.match(await card.locator("[data-label]").first().textContent(), /^#\d+ car/);
        assert.ok(await card.locator("img").first().evaluate((one) => one.naturalWidth > 0));
        await card.getByText("Honda (97 %)").waitFor();
        const branch = page.locator(".tree .tree li", { hasText: "car_brand_cls_v1" });
        assert.match(await branch.first().textContent(), /1 run, .* ms on average/);
        await card.getByLabel("Tracks").getByText(/^(standing for|worked on before)/).first().waitFor();
        assert.ok(!(await page.content()).includes("geheim"));
        assert.deepEqual(troubles, []);
    });

    test("at 320 pixels no word of a display leaves its card or covers another", async () => {
        const modelUrl = `file:///${"models_of_the_forecourt_".repeat(3)}.mpta`;
        backend.send({ type: "subscribe", payload: entry("p2;c3", { modelUrl }) });
        const { page } = await openPage(browser, phone);
        await page.goto(`${daemon.url}/?view=cameras`);
        await page.locator('[data-subscription="p2;c3"] .trouble').waitFor();
        await page.getByText("Honda (97 %)").waitFor();
        const wide = await page.evaluate(() => [...document.querySelectorAll("[data-subscription] :is(dt, dd, p)")]
            .filter((one) => one.scrollWidth > one.clientWidth).map((one) => one.textContent));
        assert.deepEqual(wide, []);
    });
});
