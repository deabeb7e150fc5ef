// SPDX-License-Identifier: Apache-2.0
// The description of the API against the real program with something of everything in it: what is described is served,
// what is served is described, and answers have the described form, no member more and none less.
import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { carArchive, carPipeline } from "./archive.mjs";
import { Camera, testVideo } from "./camera.mjs";
import { Daemon, personPicture, until } from "./daemon.mjs";
import { Backend } from "./websocket.mjs";

const json = { "Content-Type": "application/json" };
const car = [[{ class: "car", confidence: 0.93, bbox: { x: 100, y: 60, width: 120, height: 80 } }]];
const actions = [
    { type: "redis_save_image", region: "car", key: "saved", format: "jpeg", quality: 90 },
    { type: "postgresql_create_record", table: "cars", fields: { sure: "{confidence}" } },
    { type: "http_post", url: "http://127.0.0.1:1/", body: "{class}" }, // not allowed: a dead letter
];
const methods = new Set(["get", "put", "post", "patch", "delete"]);
let folder;
let camera;
let daemon;
let backend;
let description;

function typeName(value) {
    if (value === null) return "null";
    if (Array.isArray(value)) return "array";
    return Number.isInteger(value) ? "integer" : typeof value;
}

function memberFaults(schema, value, place) {
    const missing = (schema.required ?? []).filter((name) => !(name in value)).map((name) => `${place} has no ${name}`);
    const others = Object.entries(value).flatMap(([name, member]) => {
        const form = schema.properties?.[name] ?? schema.additionalProperties;
        if (form === undefined) return schema.properties ? [`${place}.${name} is not described`] : [];
        return faultsOf(form, member, `${place}.${name}`);
    });
    return [...missing, ...others];
}

// None: the value has the form of the schema.
function faultsOf(schema, value, place) {
    if (schema.$ref) return faultsOf(description.components.schemas[schema.$ref.split("/").pop()], value, place);
    if (schema.oneOf) {
        const faults = schema.oneOf.map((one) => faultsOf(one, value, place));
        return faults.some((one) => one.length === 0) ? [] : faults.flat();
    }
    const types = [schema.type ?? []].flat();
    const type = typeName(value);
    if (types.length > 0 && !types.includes(type) && !(type === "integer" && types.includes("number"))) return [`${place} is ${type}, not ${types}`];
    if (schema.enum && value !== null && !schema.enum.includes(value)) return [`${place} is ${JSON.stringify(value)}, none of ${schema.enum}`];
    if (schema.format === "date-time" && value !== null && Number.isNaN(Date.parse(value))) return [`${place} is no time: ${value}`];
    if (type === "array") return value.flatMap((one, i) => faultsOf(schema.items ?? {}, one, `${place}[${i}]`));
    return type === "object" ? memberFaults(schema, value, place) : [];
}

// Asks, and holds status, type and form against what is described.
async function ask(method, pattern, path, { headers, body, status } = {}) {
    const operation = description.paths[pattern][method.toLowerCase()];
    const response = await fetch(daemon.url + path, { method, headers: body ? { ...json, ...headers } : headers, body: body && JSON.stringify(body) });
    const described = operation.responses[response.status] ?? (response.ok ? undefined : operation.responses.default);
    const bytes = Buffer.from(await response.arrayBuffer());
    const what = `${method} ${path} ${response.status}`;
    assert.ok(described, `${what} is not described`);
    if (status !== undefined) assert.equal(response.status, status, `${what}: ${bytes.toString("utf8", 0, 300)}`);
    const [type] = Object.keys(described.content ?? { "": null });
    const told = response.headers.get("content-type") ?? "";
    assert.ok(told.startsWith(type.replace("*", "")), `${what}: ${told} and not ${type}`);
    if (!type.endsWith("json")) return bytes;
    const value = JSON.parse(bytes.toString());
    assert.deepEqual(faultsOf(described.content[type].schema, value, "answer"), [], what);
    return value;
}

const operations = () =>
    Object.entries(description.paths).flatMap(([pattern, of]) => Object.keys(of).filter((name) => methods.has(name)).map((name) => [name.toUpperCase(), pattern, of[name]]));
const isSocket = (operation) => "101" in operation.responses;
const queryOf = (operation) => operation.parameters.filter((one) => one.in === "query");

// What stands for the parts of a path: something that is there.
async function partsOf(pattern) {
    if (pattern.startsWith("/api/cameras")) return { id: "lobby" };
    if (pattern.startsWith("/api/sources")) return { id: "yard" };
    if (pattern.startsWith("/api/detections")) return { id: (await daemon.json("/api/detections?limit=1")).items[0].id };
    if (pattern.startsWith("/api/events")) return { id: (await daemon.json("/api/events?limit=1")).items[0].id };
    if (pattern.startsWith("/api/dlq")) return { queue: (await letters()).queue };
    if (pattern.startsWith("/api/records")) return { table: "cars", key: (await daemon.json("/api/records/cars")).items[0]?.key };
    return { id: "d1;c1", key: "saved", name: Object.keys((await daemon.json("/api/system/circuit-breakers")).circuit_breakers)[0] };
}

async function letters() {
    const queue = "dlq:action_queue";
    const { items } = await daemon.json(`/api/dlq/jobs/${queue}`);
    return { queue, items };
}

async function pathOf(pattern) {
    const parts = pattern.includes("{") ? await partsOf(pattern) : {};
    const path = pattern.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(parts[name]));
    return pattern === "/api/images" ? `${path}?key=saved` : path;
}

before(async () => {
    folder = await mkdtemp(join(tmpdir(), "nightjar-openapi-"));
    await mkdir(join(folder, "archives"));
    const pipeline = { pipeline: { ...carPipeline.pipeline, actions } };
    await writeFile(join(folder, "archives", "cars.mpta"), carArchive({ "cars/pipeline.json": JSON.stringify(pipeline) }));
    camera = await Camera.start({ c1: testVideo("small"), yard: testVideo("small") });
    daemon = await Daemon.start({
        set: [
            "detect.engine=null",
            `detect.model=${new URL("../../models/yolox_nano_416.json", import.meta.url).pathname}`,
            `detect.null_script=${JSON.stringify(car)}`,
            "sources.list=[{\"id\":\"lobby\",\"kind\":\"null\",\"path\":\"320x240x100000\"}]",
            `archives.roots=${JSON.stringify([join(folder, "archives")])}`,
            `archives.cache_folder=${join(folder, "cache")}`,
            "worker.allow_loopback=true",
            "validator.min_stable_seconds=0.5",
            "batch.idle_timeout_seconds=1",
        ],
    });
    description = await daemon.json("/openapi.json");
    backend = await Backend.open(daemon.port, "/ws/worker");
    backend.send({
        type: "setSubscriptionList",
        subscriptions: [{ subscriptionIdentifier: "d1;c1", rtspUrl: camera.url("c1"), modelUrl: `file://${join(folder, "archives", "cars.mpta")}`, modelName: "cars", modelId: "52" }],
    });
    await fetch(`${daemon.url}/api/sources`, { method: "POST", headers: json, body: JSON.stringify({ id: "yard", kind: "rtsp", url: camera.url("yard") }) });
    await daemon.upload(await personPicture(folder));
    await writeFile(join(daemon.cameras, "front_door", "broken.jpg"), "no picture");
    await until("an event", async () => (await daemon.json("/api/events")).items[0], 30000);
    await until("a refused upload", async () => (await daemon.json("/api/uploads/refused")).items[0], 30000);
    await until("a dead letter", async () => (await letters()).items[0], 30000);
    await until("a record", async () => (await daemon.json("/api/records/cars")).items[0], 30000);
    await until("a live camera", async () => (await daemon.json("/api/cameras/lobby")).frame?.tracks[0], 30000);
    await until("a picture of the subscription", async () => (await fetch(`${daemon.url}${await pathOf("/camera/{id}/image")}`)).ok, 30000);
});

after(async () => {
    backend?.drop();
    await daemon?.destroy();
    await camera?.stop();
    await rm(folder, { recursive: true, force: true });
});

describe("the description of the API", () => {
    test("what is served is described, and the other way round", async () => {
        const metrics = await fetch(`${daemon.url}/api/metrics`).then((response) => response.text());
        const served = [...metrics.matchAll(/^http_requests_total\{route="([^"]+)"/gm)].map(([, route]) => route).filter((route) => route !== "none");
        const described = operations().map(([method, pattern]) => `${method} ${pattern}`);
        assert.deepEqual(served.sort(), described.sort());
    });

    test("each GET answers as described", async () => {
        for (const [method, pattern, operation] of operations()) {
            if (method !== "GET") continue;
            await ask(method, pattern, await pathOf(pattern), { status: isSocket(operation) ? 400 : 200 });
        }
    });

    test("what is not there is a problem", async () => {
        for (const [method, pattern] of operations()) {
            if (!pattern.includes("{") || method !== "GET") continue;
            if (pattern === "/api/records/{table}") continue; // a table is there from its first row on: an empty page
            await ask(method, pattern, pattern.replace(/\{\w+\}/g, "987654"), { status: 404 });
        }
    });

    test("each parameter is read", async () => {
        for (const [method, pattern, operation] of operations()) {
            for (const { name, schema, required } of queryOf(operation)) {
                if (isSocket(operation) || name === "token") continue;
                const path = await pathOf(pattern);
                if (schema.type !== "string") {
                    const { detail } = await ask(method, pattern, `${path}?${name}=x`, { status: 400 });
                    assert.ok(detail.includes(name), `${pattern} ${name}: ${detail}`);
                }
                if (required) await ask(method, pattern, path.split("?")[0], { status: 400 });
                if (name.endsWith("_date") || name === "cursor") await ask(method, pattern, `${path}?${name}=x`, { status: 400 });
            }
        }
    });

    test("each change answers as described", async () => {
        const event = await pathOf("/api/events/{id}");
        const { queue, items } = await letters();
        const yard = { kind: "rtsp", url: camera.url("yard") };
        const steps = [
            ["PATCH", "/api/events/{id}", event, { body: { reviewed: true }, status: 200 }],
            ["PATCH", "/api/events/{id}", event, { body: { reviewed: false }, headers: { "If-Match": "\"999\"" }, status: 412 }],
            ["PUT", "/api/sources/{id}", "/api/sources/yard", { body: yard, status: 200 }],
            ["POST", "/api/sources", "/api/sources", { body: { id: "hall", ...yard }, status: 201 }],
            ["POST", "/api/sources/test", "/api/sources/test", { body: yard, status: 200 }],
            ["POST", "/api/sources/{id}/pause", "/api/sources/yard/pause", { status: 200 }],
            ["POST", "/api/sources/{id}/resume", "/api/sources/yard/resume", { status: 200 }],
            ["DELETE", "/api/sources/{id}", "/api/sources/hall", { status: 204 }],
            ["POST", "/api/system/cleanup", "/api/system/cleanup?dry_run=true", { status: 200 }],
            ["POST", "/api/system/circuit-breakers/{name}/reset", await pathOf("/api/system/circuit-breakers/{name}/reset"), { status: 200 }],
            ["POST", "/api/dlq/requeue/{queue}/{id}", `/api/dlq/requeue/${queue}/${items[0].id}`, { status: 200 }],
            ["POST", "/api/dlq/requeue/{queue}/{id}", `/api/dlq/requeue/${queue}/987654`, { status: 404 }],
            ["POST", "/api/dlq/requeue/{queue}", `/api/dlq/requeue/${queue}`, {}],
            ["POST", "/api/dlq/requeue-all/{queue}", `/api/dlq/requeue-all/${queue}`, { status: 200 }],
            ["DELETE", "/api/dlq/{queue}", `/api/dlq/${queue}`, { status: 200 }],
            ["DELETE", "/api/images", "/api/images?key=saved", { status: 200 }],
            ["DELETE", "/api/images/{key}", "/api/images/saved", {}],
        ];
        for (const [method, pattern, path, wanted] of steps) await ask(method, pattern, path, wanted);
        const changes = operations().flatMap(([method, pattern]) => (method === "GET" ? [] : `${method} ${pattern}`));
        assert.deepEqual([...new Set(steps.map(([method, pattern]) => `${method} ${pattern}`))].sort(), changes.sort());
    });
});
