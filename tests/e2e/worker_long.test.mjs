// SPDX-License-Identifier: Apache-2.0
// What archives leave behind: nothing, however many were loaded and unloaded; and what they share:
// the weights, when they are the same. Real models, so that memory is what it is in use.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { OnnxGraph } from "../../tools/onnx-writer.mjs";
import { zip } from "./archive.mjs";
import { Camera, testVideo } from "./camera.mjs";
import { Daemon, progress, until } from "./daemon.mjs";
import { Backend } from "./websocket.mjs";

const long = process.env.NJ_LONG === "1";
const ARCHIVES = long ? 1000 : 20;
const WARM_UP = 10;
const WINDOW = long ? 100 : 5; // archives whose memory is averaged
// Which unused models are kept at a moment, and where they lay, makes a difference of a model or so
// from one archive to the next. Over many that averages out.
const GROWTH_MB = long ? 8 : 24;
const GROWTH_FILES = 2; // a connection that is being made or closed
const MB = 1024 * 1024;
const MODEL_BUDGET_BYTES = 64 * MB; // of two of these models
const ARCHIVE_BUDGET_BYTES = 32 * MB;
const SIDE = 64; // of the large model's input
const ROWS = 160; // it finds at most
const LOOKS = 3; // more than can be under way when a model changes
const READY_MS = 60000;
const models = new URL("../../models/", import.meta.url).pathname;
const known = ["yolox_nano_416", "centernet_512"].find((name) => existsSync(join(models, `${name}.onnx`)));

let folder;
let camera;
let daemon;
let backend;

// An entry of the model's own notes (metadata_props, field 14 of ModelProto) behind the weights: the
// same network with other bytes.
function marked(weights, mark) {
    const text = (field, value) => Buffer.concat([Buffer.from([(field << 3) | 2, value.length]), Buffer.from(value)]);
    const entry = Buffer.concat([text(1, "mark"), text(2, mark)]);
    return Buffer.concat([weights, Buffer.from([(14 << 3) | 2, entry.length]), entry]);
}

function writeArchive(name, weights, manifest, triggerClasses) {
    const path = join(folder, "archives", `${name}.mpta`);
    const sha256 = createHash("sha256").update(weights).digest("hex");
    writeFileSync(path, zip({
        "pipeline.json": JSON.stringify({ pipeline: { modelId: name, modelFile: "net.onnx", triggerClasses, minConfidence: 0.4, tracking: { enabled: true, method: "bytetrack" }, branches: [] } }),
        "net.json": JSON.stringify({ ...manifest, weights: "net.onnx", sha256 }),
        "net.onnx": weights,
    }));
    return path;
}

// Finds nothing, but all of its weights are needed for that.
function largeModel(seed) {
    const graph = new OnnxGraph("large");
    const inputs = 3 * SIDE * SIDE;
    const columns = 6 * ROWS;
    let state = seed;
    const values = new Float32Array(inputs * columns);
    for (let i = 0; i < values.length; i++) {
        state = (Math.imul(state, 1664525) + 1013904223) | 0;
        values[i] = state * 1e-16;
    }
    graph.input("images", [1, 3, SIDE, SIDE]);
    graph.integers("flat", [1, inputs]);
    graph.integers("rows", [1, ROWS, 6]);
    graph.constant("weights", [inputs, columns], values);
    graph.node("Reshape", ["images", "flat"], "row");
    graph.node("MatMul", ["row", "weights"], "product");
    graph.node("Reshape", ["product", "rows"], "boxes");
    graph.output("boxes", [1, ROWS, 6]);
    return { weights: graph.bytes(), bytes: values.byteLength };
}

const largeManifest = {
    name: "large",
    decoder: "end_to_end",
    input: { width: SIDE, height: SIDE, fit: "stretch", order: "rgb", layout: "nchw" },
    threshold: 0.4,
    classes: ["car", "person"],
};

function entry(id, archive) {
    return { subscriptionIdentifier: id, rtspUrl: camera.url("cam1"), modelUrl: archive, modelId: 1, modelName: archive };
}

const residentMb = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${daemon.child.pid}/status`, "utf8"))[1]) / 1024;
const descriptors = () => readdirSync(`/proc/${daemon.child.pid}/fd`).length;

async function inferences() {
    const text = await (await fetch(`${daemon.url}/api/metrics`)).text();
    return [...text.matchAll(/^inference_seconds_count\S* (\d+)/gm)].reduce((sum, [, count]) => sum + Number(count), 0);
}

// Until each of the list has its model and plays, and `looks` pictures were looked at since then.
async function isAtWork(list, looks) {
    backend.messages.length = 0;
    backend.send({ type: "setSubscriptionList", subscriptions: list });
    await backend.next("the models", (message) => {
        if (message.type === "error") throw new Error(`${message.code}: ${message.message}`);
        const ready = (one) => one.online && one.modelState === "ready" && list.some((wish) => wish.subscriptionIdentifier === one.subscriptionIdentifier && wish.modelName === one.modelName);
        return message.type === "stateReport" && message.cameraConnections.filter(ready).length === list.length;
    }, READY_MS);
    const seen = await inferences();
    await until("pictures that are looked at", async () => (await inferences()) >= seen + looks, READY_MS);
}

function filesOf(place) {
    const all = readdirSync(place, { recursive: true, withFileTypes: true }).filter((one) => one.isFile());
    return { count: all.length, bytes: all.reduce((sum, one) => sum + statSync(join(one.path, one.name)).size, 0) };
}

const modelsNow = async () => (await daemon.json("/api/models")).cache;

async function withDaemon(settings, work) {
    daemon = await Daemon.start({
        set: [
            `archives.roots=${JSON.stringify([join(folder, "archives")])}`,
            `archives.cache_folder=${join(folder, "cache")}`,
            "worker.allow_loopback=true",
            ...settings,
        ],
    });
    let end;
    try {
        backend = await Backend.open(daemon.port, "/ws/worker");
        await work();
        backend.drop();
    } finally {
        end = await daemon.destroy();
    }
    assert.deepEqual(end, { code: 0, signal: null }, "the program drains and ends by itself");
}

async function comeAndGo() {
    const weights = readFileSync(join(models, `${known}.onnx`));
    const manifest = JSON.parse(readFileSync(join(models, `${known}.json`), "utf8"));
    const seen = [];
    const tell = progress("archives", ARCHIVES);
    for (let i = 1; i <= ARCHIVES; i++) {
        const archive = writeArchive(`archive-${i}`, marked(weights, String(i)), manifest, ["person"]);
        await isAtWork([entry("display-1;cam1", archive)], LOOKS);
        rmSync(archive);
        seen.push({ mb: residentMb(), files: descriptors() });
        tell(i);
    }
    const cache = await modelsNow();
    assert.equal(cache.loads, ARCHIVES, "every archive's model is another one");
    assert.equal(cache.in_use, 1);
    await isAtWork([], 0);
    // The picture that is being looked at when a subscription ends keeps its model until its end.
    await until("a model that nobody uses", async () => (await modelsNow()).in_use === 0);
    const unused = await modelsNow();
    assert.ok(unused.bytes <= MODEL_BUDGET_BYTES, `${unused.bytes} bytes of models that nobody uses`);
    const kept = filesOf(join(folder, "cache"));
    assert.ok(kept.bytes <= ARCHIVE_BUDGET_BYTES + 2 * weights.length, `${kept.bytes} bytes of archives that nobody uses`);
    assert.equal((await camera.stats()).plays, 1, "another archive restarts no stream");
    const mean = (part) => part.reduce((sum, { mb }) => sum + mb, 0) / part.length;
    const warm = mean(seen.slice(WARM_UP, WARM_UP + WINDOW));
    const last = mean(seen.slice(-WINDOW));
    const open = [seen[WARM_UP].files, seen.at(-1).files];
    console.log(`# ${warm.toFixed(1)} MB after ${WARM_UP} archives, ${last.toFixed(1)} MB after ${ARCHIVES}; ${open.join(", then ")} descriptors; ${kept.count} files in the cache`);
    assert.ok(last - warm <= GROWTH_MB, `grown by ${(last - warm).toFixed(1)} MB`);
    assert.ok(open[1] - open[0] <= GROWTH_FILES, `${open[0]} descriptors became ${open[1]}`);
}

async function share() {
    const one = largeModel(1);
    const other = largeModel(2);
    const lists = [["a", one], ["b", one], ["c", other]].map(([name, model], i) => entry(`display-${i};cam1`, writeArchive(name, model.weights, largeManifest, ["car"])));
    const grown = [];
    for (let i = 0; i < lists.length; i++) {
        const before = residentMb();
        await isAtWork(lists.slice(0, i + 1), LOOKS);
        grown.push(residentMb() - before);
        const { models, in_use: used, hits } = await modelsNow();
        assert.deepEqual({ models, used, hits }, [{ models: 1, used: 1, hits: 0 }, { models: 1, used: 1, hits: 1 }, { models: 2, used: 2, hits: 1 }][i]);
    }
    const { pipelines } = await daemon.json("/api/models");
    assert.equal(pipelines.length, 3, "each archive is a pipeline of its own");
    const weights = one.bytes / MB;
    console.log(`# weights of ${weights.toFixed(0)} MB: the first took ${grown[0].toFixed(1)} MB, the same again ${grown[1].toFixed(1)} MB, another one ${grown[2].toFixed(1)} MB`);
    assert.ok(grown[1] < weights / 2, `the second took ${grown[1].toFixed(1)} MB`);
    assert.ok(grown[2] > weights / 2, "this test can tell a copy");
}

describe("archives that come and go", { skip: !known && "no model is set up (./dev setup)" }, () => {
    before(async () => {
        folder = mkdtempSync(join(tmpdir(), "nightjar-archives-"));
        mkdirSync(join(folder, "archives"));
        camera = await Camera.start({ cam1: testVideo("small") });
    });

    after(async () => {
        await camera?.stop();
        rmSync(folder, { recursive: true, force: true });
    });

    test(`${ARCHIVES} archives with a model each leave memory, descriptors and caches as they were`, { timeout: 3600000 }, async () => {
        await withDaemon([`model_cache.budget_bytes=${MODEL_BUDGET_BYTES}`, `archives.cache_bytes=${ARCHIVE_BUDGET_BYTES}`, "worker.fps=15"], comeAndGo);
    });

    test("one model in two archives is in memory once", { timeout: 120000 }, async () => {
        await withDaemon([], share);
    });
});
