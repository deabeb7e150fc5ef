// SPDX-License-Identifier: Apache-2.0
// Live cameras that people add: over the API, and with the page's own form.
import assert from "node:assert/strict";
import { createServer } from "node:net";
import { after, before, describe, test } from "node:test";
import { openBrowser, openPage } from "./browser.mjs";
import { Camera, testVideo } from "./camera.mjs";
import { Daemon, until } from "./daemon.mjs";

const json = { "Content-Type": "application/json" };
let camera;
let daemon;

function send(method, path, body) {
    return fetch(daemon.url + path, { method, headers: json, body: body && JSON.stringify(body) });
}

async function sourceOf(id) {
    const response = await fetch(`${daemon.url}/api/sources/${id}`);
    return response.ok ? response.json() : null;
}

const isActive = (id) => until(`${id} plays`, async () => (await sourceOf(id))?.live?.state === "active");

before(async () => {
    camera = await Camera.start();
    await camera.tell(`mount yard ${testVideo("small")} auth=digest user=watch password=s3cret`);
    await camera.tell(`mount hall ${testVideo("small")} snapshots`);
    daemon = await Daemon.start({
        set: ["sources.list=[{\"id\":\"lobby\",\"kind\":\"null\",\"path\":\"64x64x50\"},{\"id\":\"attic\",\"kind\":\"null\",\"path\":\"64x64x5000\",\"paused\":true}]"],
    });
});

after(async () => {
    await daemon?.destroy();
    await camera?.stop();
});

describe("the API of live cameras", () => {
    test("an address is tried out before it is kept", async () => {
        const good = await send("POST", "/api/sources/test", { id: "yard", kind: "rtsp", url: camera.url("yard", "watch:s3cret") });
        assert.deepEqual(await good.json().then(({ ok, error, width }) => ({ ok, error, width })), { ok: true, error: null, width: 320 });
        const wrong = await send("POST", "/api/sources/test", { id: "yard2", kind: "rtsp", url: camera.url("yard", "watch:wrong") });
        const answer = await wrong.json();
        assert.equal(answer.ok, false);
        assert.ok(answer.error.length > 0 && !answer.error.includes("wrong@"), answer.error);
        assert.equal(await sourceOf("yard2"), null);
    });

    test("a client that leaves frees the place of its test", async () => {
        const asked = [];
        const silent = createServer((socket) => asked.push(socket.on("error", () => {})));
        await new Promise((resolve) => silent.listen(0, "127.0.0.1", resolve));
        const begun = performance.now();
        const leaving = new AbortController();
        const left = [1, 2, 3, 4].map((n) =>
            fetch(`${daemon.url}/api/sources/test`, {
                method: "POST",
                headers: json,
                body: JSON.stringify({ kind: "rtsp", url: `rtsp://127.0.0.1:${silent.address().port}/${n}` }),
                signal: leaving.signal,
            }).catch((error) => error.name),
        );
        await until("four tests", () => asked.length === 4);
        const test = () => send("POST", "/api/sources/test", { kind: "rtsp", url: camera.url("yard", "watch:s3cret") });
        assert.equal((await test()).status, 503);
        leaving.abort();
        assert.deepEqual(await Promise.all(left), Array(4).fill("AbortError"));
        await until("a free place", async () => (await test()).status === 200);
        assert.ok(performance.now() - begun < 8000, "no test ran into its time-out");
        for (const socket of asked) socket.destroy();
        silent.close();
    });

    test("an added camera plays, keeps its secret, and becomes detections' camera", async () => {
        const added = await send("POST", "/api/sources", { id: "yard", name: "Yard", kind: "rtsp", url: camera.url("yard", "watch:s3cret"), fps: 5 });
        assert.equal(added.status, 201);
        await isActive("yard");
        const listed = await fetch(`${daemon.url}/api/sources`).then((response) => response.text());
        assert.ok(!listed.includes("s3cret"));
        const again = await send("POST", "/api/sources", { id: "yard", kind: "rtsp", url: camera.url("yard") });
        assert.equal(again.status, 409);
        const row = await daemon.json("/api/cameras/yard");
        assert.equal(row.kind, "rtsp");
        await until("a live picture", async () => (await fetch(`${daemon.url}/api/cameras/yard/snapshot`)).ok);
    });

    test("a change without the password keeps it, and the camera plays on", async () => {
        const changed = await send("PUT", "/api/sources/yard", { id: "yard", name: "Back yard", kind: "rtsp", url: camera.url("yard") });
        assert.equal(changed.status, 200);
        assert.equal((await changed.json()).entry.name, "Back yard");
        await isActive("yard");
    });

    test("pause ends the connection, resume brings it back", async () => {
        assert.equal((await send("POST", "/api/sources/yard/pause")).status, 200);
        assert.equal((await sourceOf("yard")).live, null);
        assert.equal((await send("POST", "/api/sources/yard/resume")).status, 200);
        await isActive("yard");
    });

    test("a restart knows the cameras and their pauses", async () => {
        await send("POST", "/api/sources/lobby/pause");
        await daemon.stop();
        await daemon.run();
        assert.equal((await sourceOf("lobby")).paused, true);
        await isActive("yard");
    });

    test("single pictures are a camera too", async () => {
        const added = await send("POST", "/api/sources", { id: "hall", kind: "snapshot", url: camera.snapshotUrl("hall"), snapshot_interval_seconds: 0.5 });
        assert.equal(added.status, 201);
        await isActive("hall");
        assert.equal((await send("DELETE", "/api/sources/hall")).status, 204);
    });

    test("what is wrong is named, and nothing is kept", async () => {
        const rtsp = { id: "x", kind: "rtsp", url: camera.url("yard") };
        const stray = { ...rtsp, id: "stray" };
        const snapshot = { id: "x", kind: "snapshot", url: camera.url("yard") };
        const long = "c".repeat(3000);
        const cases = [
            ["POST", "/api/sources", { id: "x", kind: "file", path: "/etc/passwd" }, 400, "rtsp or snapshot"],
            ["POST", "/api/sources", { ...rtsp, url: "file:///etc/passwd" }, 400, "url"],
            ["POST", "/api/sources", { ...rtsp, password: "file:/etc/passwd" }, 400, "in the configuration only"],
            ["POST", "/api/sources", { ...rtsp, id: "Not an id" }, 400, "an id has 1 to 64"],
            ["POST", "/api/sources", { ...rtsp, id: "" }, 400, "source.id: it is empty; it must have 1 to 64 bytes"],
            ["POST", "/api/sources", { ...rtsp, id: "x".repeat(70) }, 400, "source.id: it has 70 bytes"],
            ["POST", "/api/sources", { ...rtsp, fpss: 3 }, 400, "fps"],
            ["POST", "/api/sources", { ...rtsp, masks: ["0,0 1,0"] }, 400, "source: masks[0]"],
            ["POST", "/api/sources", { ...rtsp, paused: "perhaps" }, 400, "source.paused"],
            ["POST", "/api/sources", { ...rtsp, url: "rtsp://169.254.169.254/latest" }, 403, "169.254"],
            ["POST", "/api/sources", snapshot, 400, "url: a snapshot camera needs http:// or https://"],
            ["POST", "/api/sources/test", snapshot, 400, "url: a snapshot camera needs http:// or https://"],
            ["POST", "/api/sources", { ...rtsp, url: "http://127.0.0.1/x" }, 400, "url: an rtsp camera needs rtsp:// or rtsps://"],
            ["POST", "/api/sources", [], 400, "object"],
            ["PUT", "/api/sources/unknown", stray, 404, "no live camera unknown"],
            ["PUT", "/api/sources/unknown", {}, 404, "no live camera unknown"],
            ["PUT", "/api/sources/yard", stray, 400, "an id does not change; it is yard"],
            ["PUT", "/api/sources/yard", { ...rtsp, id: "" }, 400, "source.id: it is empty"],
            ["PUT", `/api/sources/${long}`, stray, 404, "so long a name"],
            ["DELETE", "/api/sources/lobby", undefined, 403, "configuration"],
            ["DELETE", "/api/sources/nobody", undefined, 404, "no live camera nobody"],
            ["GET", `/camera/${long}/image`, undefined, 404, "so long a name"],
            ["GET", `/camera/${long.slice(0, 300)}/image`, undefined, 404, "no camera has this name"],
        ];
        const before = (await daemon.json("/api/sources")).items.map(({ id }) => id);
        for (const [method, path, entry, status, words] of cases) {
            const what = `${method} ${path.slice(0, 40)} ${JSON.stringify(entry)}`;
            const response = await send(method, path, entry);
            const { detail } = await response.json();
            assert.equal(response.status, status, `${what}: ${detail}`);
            assert.ok(detail.includes(words), `${what}: ${detail}`);
        }
        assert.deepEqual((await daemon.json("/api/sources")).items.map(({ id }) => id), before);
    });

    test("a camera can be added paused, and a change pauses or lets it play", async () => {
        const entry = { id: "shed", kind: "rtsp", url: camera.url("yard", "watch:s3cret") };
        const added = await send("POST", "/api/sources", { ...entry, paused: true });
        assert.equal(added.status, 201);
        assert.equal((await added.json()).paused, true);
        const named = await send("PUT", "/api/sources/shed", { ...entry, name: "Shed" }).then((response) => response.json());
        assert.deepEqual([named.paused, named.entry.paused, named.live], [true, true, null], "not said: as it was");
        assert.equal((await send("POST", "/api/sources/shed/resume")).status, 200);
        await isActive("shed");
        const paused = await send("PUT", "/api/sources/shed", { ...entry, paused: true }).then((response) => response.json());
        assert.deepEqual([paused.paused, paused.live], [true, null]);
        assert.equal((await send("PUT", "/api/sources/shed", { ...entry, paused: false })).status, 200);
        await isActive("shed");
        assert.equal((await send("DELETE", "/api/sources/shed")).status, 204);
    });

    test("a camera that the configuration pauses can be resumed", async () => {
        assert.equal((await sourceOf("attic")).paused, true);
        assert.equal((await send("POST", "/api/sources/attic/resume")).status, 200);
        await isActive("attic");
    });

    test("whatever reads a body says so in the description", async () => {
        const { paths } = await daemon.json("/openapi.json");
        const readers = [];
        for (const [path, methods] of Object.entries(paths)) {
            for (const [method, operation] of Object.entries(methods)) {
                if (method === "get") continue;
                const name = method === "put" ? "yard" : "1"; // only the entry of one that is there is read
                const address = `${path.replace(/\{\w+\}/g, name)}?dry_run=true`;
                const answers = [{ nonsense: 1 }, undefined].map(async (body) => (await send(method.toUpperCase(), address, body)).text());
                const [told, silent] = await Promise.all(answers);
                const reads = told.includes("\"status\":400") && told !== silent; // a wrong query is answered the same way
                assert.equal(reads, operation.requestBody !== undefined, `${method} ${path}: ${told}`);
                if (operation.requestBody) readers.push(`${method} ${path}`);
            }
        }
        assert.deepEqual(readers.sort(), ["patch /api/events/{id}", "post /api/sources", "post /api/sources/test", "put /api/sources/{id}"]);
    });

    test("a removed camera is gone, what it saw stays", async () => {
        assert.equal((await send("DELETE", "/api/sources/yard")).status, 204);
        assert.equal(await sourceOf("yard"), null);
        assert.equal((await daemon.json("/api/cameras/yard")).status, "offline");
    });
});

describe("the page's cameras", () => {
    let browser;
    before(async () => {
        browser = await openBrowser();
    });
    after(() => browser?.close());

    test("a camera is tried, added, changed, paused and removed by hand", async () => {
        const { page, troubles } = await openPage(browser);
        await page.goto(`${daemon.url}/?view=cameras`);
        await page.getByRole("button", { name: "Add a camera" }).click();
        await page.getByLabel("Name").fill("Side gate");
        await page.getByLabel("Address").fill(camera.url("yard"));
        await page.getByLabel("User").fill("watch");
        await page.getByLabel("Password").fill("s3cret");
        await page.getByRole("button", { name: "Try it" }).click();
        await page.getByText("A picture of 320 × 180 came").waitFor();
        await page.getByRole("button", { name: "Add", exact: true }).click();
        const card = page.locator("[data-source=side_gate]");
        await card.getByText("active", { exact: true }).waitFor();
        await card.locator("[data-camera=side_gate] img").first().waitFor();
        await camera.tell("drop yard");
        await card.getByText("Last error").waitFor(); // and it stays when the camera is back
        await card.getByText("active", { exact: true }).waitFor();
        const { live } = await sourceOf("side_gate");
        assert.equal(live.reason, null);
        assert.ok(live.last_error.length > 0 && Date.parse(live.last_error_at) > 0);
        await card.getByRole("button", { name: "Change" }).click();
        await page.getByRole("dialog").getByLabel("Name").fill("Side door");
        await page.getByRole("dialog").getByRole("button", { name: "Keep the change" }).click();
        await card.getByRole("heading", { name: "Side door" }).waitFor();
        await card.getByText("active", { exact: true }).waitFor(); // with the login that was kept
        await card.getByRole("button", { name: "Pause" }).click();
        await card.getByRole("button", { name: "Resume" }).waitFor();
        await card.getByRole("button", { name: "Remove" }).click();
        await page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
        await card.waitFor({ state: "detached" });
        assert.deepEqual(troubles, []);
    });
});
