// SPDX-License-Identifier: Apache-2.0
// A small stand-in for the daemon, to work on the page without one: node test/mock-server.mjs [PORT]
import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { WebSocketServer } from "ws";

const dist = fileURLToPath(new URL("../dist", import.meta.url));
const types = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml" };
const policy = "default-src 'self'; img-src 'self' data: blob:; connect-src 'self'; frame-ancestors 'none'";

const iso = (at) => new Date(at).toISOString();
const levelOf = (score) => (score >= 85 ? "critical" : score >= 60 ? "high" : score >= 30 ? "medium" : "low");

export class Mock {
    constructor({ key = "", events = 24 } = {}) {
        this.key = key;
        this.sequence = 0;
        this.frame = 1;
        this.kept = [];
        this.requests = [];
        this.detections = [];
        this.events = [];
        const start = Date.now();
        this.cameras = [
            this.camera("street", "Street", "file", start),
            this.camera("front_door", "Front door", "folder", start - 120000),
            { ...this.camera("garden", "Garden", "folder", start - 7200000), status: "offline", reason: "no upload for 2 hours" },
        ];
        for (let i = events; i > 0; i--) this.makeEvent("front_door", (i * 37) % 100, start - i * 2400000);
    }

    camera(id, name, kind, at) {
        return { id, name, kind, status: "online", reason: null, created_at: iso(at), last_seen_at: iso(at), picture_at: null, snapshot_url: `/api/cameras/${id}/snapshot` };
    }

    makeDetection(camera, at, batch) {
        const id = this.detections.length + 1;
        const detection = {
            id, camera_id: camera, batch_id: batch, object_type: "person", confidence: 0.87,
            bbox: { x: 250 + (id % 5) * 60, y: 180, width: 90, height: 220 },
            picture_width: 768, picture_height: 576, media_type: "image", track_id: null, video_offset_ms: 0,
            detected_at: iso(at), ended_at: iso(at), model: "yolox_nano_416",
            image_url: `/api/detections/${id}/image`, thumbnail_url: `/api/detections/${id}/thumbnail`,
        };
        this.detections.push(detection);
        return detection;
    }

    makeEvent(camera, score, at = Date.now()) {
        const id = this.events.length + 1;
        const batch = `b-${id}-7f3a`;
        const shots = [this.makeDetection(camera, at, batch), this.makeDetection(camera, at, batch), this.makeDetection(camera, at + 2000, batch)];
        const event = {
            id, event_id: id, batch_id: batch, camera_id: camera, risk_score: score, risk_level: levelOf(score),
            summary: `Person at ${camera === "street" ? "Street" : "Front door"} for ${id % 40} s`,
            reasoning: "person seen (+30); stayed 12 s (+2); at night (23:10) (+22)",
            started_at: iso(at), ended_at: iso(at + 12000), created_at: iso(at + 12500),
            breakdown: [{ what: "person seen", points: 30 }, { what: "at night (23:10)", points: 22 }, { what: "a busy hour (5 events)", points: -8 }],
            analyser: ["rules", "llm", "rules_fallback"][id % 3], object_types: "person", detection_count: shots.length,
            best_detection_id: shots[0].id, is_fast_path: id % 4 === 0, reviewed: id % 5 === 0, notes: "", version: 1,
        };
        this.events.push(event);
        return { event, shots };
    }

    upload(camera = "front_door", score = 72) {
        const { event, shots } = this.makeEvent(camera, score);
        for (const one of shots)
            this.publish("events", { type: "detection.new", data: { detection_id: one.id, camera_id: camera, detection: one }, timestamp: iso(Date.now()) });
        this.publish("events", { type: "event", data: event, timestamp: iso(Date.now()) });
        return event;
    }

    publish(channel, message) {
        const whole = { ...message };
        if (channel === "events") {
            whole.sequence = ++this.sequence;
            whole.requires_ack = false;
            this.kept = [...this.kept, whole].slice(-100);
        }
        for (const client of this.sockets?.clients ?? []) if (client.channel === channel) client.send(JSON.stringify(whole));
    }

    status() {
        return {
            type: "system_status",
            data: {
                gpu: null, queues: { detection_queue: 3 + (this.frame % 4), analysis_queue: 1, dlq_total: 2 },
                cameras: { total: 3, online: 2, offline: 1 }, services: { file_watcher: "healthy", yolo26: "healthy", analyser: "degraded" }, health: "degraded",
            },
            timestamp: iso(Date.now()),
        };
    }

    picture() {
        const people = [150, 330, 520].map((x, i) => `<g transform="translate(${x + ((this.frame * 5 + i * 30) % 60)} 190)"><circle cx="40" cy="24" r="22" fill="#caa58a"/><rect x="12" y="46" width="56" height="90" rx="14" fill="${["#7d3c3c", "#3c5f7d", "#5f6b3c"][i]}"/><rect x="16" y="130" width="20" height="80" fill="#333"/><rect x="44" y="130" width="20" height="80" fill="#333"/></g>`);
        return `<svg xmlns="http://www.w3.org/2000/svg" width="768" height="576"><rect width="768" height="576" fill="#8f9a86"/><path d="M0 420h768v156H0z" fill="#777"/>${people.join("")}</svg>`;
    }

    frameOf() {
        const tracks = [150, 330, 520].map((x, i) => ({
            track_id: 40 + i, object_type: "person", confidence: 0.9 - i * 0.1,
            bbox: { x: x + ((this.frame * 5 + i * 30) % 60), y: 190, width: 80, height: 212 }, lost: false,
        }));
        return { sequence: this.frame, width: 768, height: 576, captured_at: iso(Date.now()), tracks };
    }

    live(id) {
        return id === "street" ? { state: "active", reason: null, last_error: null, last_error_at: null, fps: 10, width: 768, height: 576, last_frame_at: iso(Date.now()), frames: 100, frames_dropped: 0, frames_inferred: 90, frames_still: 10, packets_lost: 0, restarts: 0 } : null;
    }

    list(url) {
        const query = url.searchParams;
        const limit = Number(query.get("limit") ?? 50);
        const start = Number(query.get("cursor") ?? 0);
        const wanted = [...this.events].reverse().filter(
            (one) =>
                (!query.get("camera_id") || one.camera_id === query.get("camera_id")) &&
                (!query.get("risk_level") || one.risk_level === query.get("risk_level")) &&
                (!query.get("q") || `${one.summary} ${one.reasoning}`.includes(query.get("q"))) &&
                (!query.get("reviewed") || String(one.reviewed) === query.get("reviewed")),
        );
        const items = wanted.slice(start, start + limit);
        const more = start + limit < wanted.length;
        return { items, pagination: { total: wanted.length, limit, next_cursor: more ? String(start + limit) : null, has_more: more } };
    }

    full() {
        const queue = { status: "healthy", depth: 3, running: 1, max_size: 10000, fill_ratio: 0.01, throughput_per_minute: 42.5, oldest_wait_seconds: 3.4, completed: 812, failed: 2, retried: 4, dropped: 0, rejected: 0, dead_letters: 0, overflow_letters: 0 };
        return {
            status: "degraded", build: "nightjar 0.1.0 (mock)", timestamp: iso(Date.now()),
            services: { file_watcher: { status: "healthy", message: null, critical: true }, yolo26: { status: "healthy", message: null, critical: true }, analyser: { status: "degraded", message: "The language model is away since 12:04; the rules score meanwhile, nothing is lost.", critical: false } },
            circuit_breakers: { llm: { state: "open", failure_count: 5, total_calls: 40, rejected_calls: 3, failed_calls: 5, opened_count: 1, retry_in_seconds: 21 }, detector_http: { state: "closed", failure_count: 0, total_calls: 100, rejected_calls: 0, failed_calls: 0, opened_count: 0, retry_in_seconds: 0 } },
            queues: [{ ...queue, name: "detection_queue" }, { ...queue, name: "analysis_queue", dead_letters: 2 }],
            store: { read_only: false, problem: null, queued: 0 }, websocket: { events_clients: 1, system_clients: 1, published: 10, delivered: 10, closed_slow: 0 },
        };
    }

    patch(id, body) {
        const event = this.events[id - 1];
        Object.assign(event, body, { version: event.version + 1 });
        this.publish("events", { type: "event.updated", data: event, timestamp: iso(Date.now()) });
        return event;
    }

    answer(method, url, body) {
        const part = url.pathname.split("/").slice(2);
        if (part[0] === "cameras" && part[2] === "snapshot") return { picture: this.picture() };
        if (part[0] === "cameras" && part[1]) return { ...this.cameras.find((one) => one.id === part[1]), live: this.live(part[1]), frame: part[1] === "street" ? this.frameOf(this.frame++) : null };
        if (part[0] === "cameras") return { items: this.cameras.map((one) => ({ ...one, live: this.live(one.id) })), pagination: { total: this.cameras.length, has_more: false } };
        if (part[0] === "detections" && part[1]) return { picture: this.picture() };
        if (part[0] === "detections") return { items: [...this.detections].reverse().filter((one) => one.camera_id === url.searchParams.get("camera_id")).slice(0, 32), pagination: { has_more: false } };
        if (part[0] === "events" && part[1] === "stats") return { hourly_risk: [12, null, null, 44, 60, null, 20, 20, null, 5, 35, 91, 40, null, null, null, 33, 30, 22, 10, null, 64, 18, 25], total_events: this.events.length };
        if (part[0] === "events" && part[1]) {
            const id = Number(part[1]);
            const event = this.events[id - 1];
            if (event === undefined) return null;
            if (method === "PATCH") return this.patch(id, JSON.parse(body));
            return { ...event, detections: this.detections.filter((one) => one.batch_id === event.batch_id), newer_id: this.events[id]?.id ?? null, older_id: this.events[id - 2]?.id ?? null };
        }
        if (part[0] === "events") return this.list(url);
        if (part.join("/") === "system/health/full") return this.full();
        if (part.join("/") === "system/pipeline-latency") {
            const stage = { sample_count: 120, avg_ms: 40, min_ms: 10, max_ms: 300, p50_ms: 38.2, p95_ms: 82, p99_ms: 1200 };
            return { watch_to_detect: stage, detect: stage, detect_to_batch: stage, batch_to_analyze: { ...stage, sample_count: 0 }, analyze: stage, total_pipeline: stage };
        }
        return method === "GET" ? null : { success: true };
    }

    async file(pathname, response) {
        const name = pathname === "/" ? "index.html" : pathname.slice(1);
        try {
            const bytes = await readFile(join(dist, name));
            response.writeHead(200, { "Content-Type": types[extname(name)] ?? "application/octet-stream", "Content-Security-Policy": policy });
            response.end(bytes);
        } catch {
            response.writeHead(404).end();
        }
    }

    async serve(request, response) {
        const url = new URL(request.url, "http://localhost");
        this.requests.push(`${request.method} ${url.pathname}`);
        if (!url.pathname.startsWith("/api/")) return this.file(url.pathname, response);
        const problem = (status, title, detail) => {
            response.writeHead(status, { "Content-Type": "application/problem+json" });
            response.end(JSON.stringify({ type: "about:blank", title, status, detail }));
        };
        if (this.key && request.headers["x-api-key"] !== this.key) return problem(401, "Unauthorized", "give an API key, as X-API-Key for example");
        let body = "";
        for await (const piece of request) body += piece;
        const answer = this.answer(request.method, url, body);
        if (answer === null || answer === undefined) return problem(404, "Not Found", "there is no such row");
        response.writeHead(200, { "Content-Type": answer.picture ? "image/svg+xml" : "application/json" });
        response.end(answer.picture ?? JSON.stringify(answer));
        return undefined;
    }

    greet(socket) {
        socket.send(JSON.stringify({ type: "connected", message: "hello", connection_id: "ws-mock", sequence: socket.channel === "events" ? this.sequence : 0 }));
        if (socket.channel === "system") socket.send(JSON.stringify(this.status()));
        socket.on("message", (text) => {
            const message = JSON.parse(text);
            if (message.type !== "resync") return;
            const missed = this.kept.filter((one) => one.sequence > message.data.last_sequence);
            for (const one of missed) socket.send(JSON.stringify({ ...one, replay: true }));
            socket.send(JSON.stringify({ type: "resync_ack", channel: "events", sequence: this.sequence, replayed: missed.length, complete: true }));
        });
    }

    async start(port = 0) {
        this.server = createServer((request, response) => void this.serve(request, response));
        this.sockets = new WebSocketServer({ noServer: true });
        this.server.on("upgrade", (request, socket, head) => {
            const offered = request.headers["sec-websocket-protocol"] ?? "";
            if (this.key && !offered.includes(`api-key.${this.key}`)) {
                socket.end("HTTP/1.1 401 Unauthorized\r\nConnection: close\r\n\r\n");
                return;
            }
            this.sockets.handleUpgrade(request, socket, head, (client) => {
                client.channel = request.url.includes("/ws/system") ? "system" : "events";
                this.greet(client);
            });
        });
        this.timer = setInterval(() => this.publish("system", this.status()), 5000);
        await new Promise((done) => this.server.listen(port, "127.0.0.1", done));
        this.port = this.server.address().port;
        return `http://127.0.0.1:${this.port}/`;
    }

    async stop() {
        clearInterval(this.timer);
        for (const client of this.sockets.clients) client.terminate();
        this.server.closeAllConnections?.();
        await new Promise((done) => this.server.close(done));
    }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
    const mock = new Mock();
    process.stdout.write(`${await mock.start(Number(process.argv[2] ?? 8010))}\n`);
    setInterval(() => mock.upload(), 8000);
}
