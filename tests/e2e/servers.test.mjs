// SPDX-License-Identifier: Apache-2.0
// The real program beside real Redis and PostgreSQL servers: their health is told while they come
// and go, and nothing tells their passwords.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Daemon, until } from "./daemon.mjs";
import { Postgres, Redis } from "./servers.mjs";

const why = Redis.why() ?? Postgres.why();
const skip = why ?? false;
const secret = "hunter2-SECRET";
let redis, postgres, daemon;

before(async () => {
    if (skip) return;
    redis = await Redis.start({ password: secret });
    postgres = await Postgres.start();
    daemon = await Daemon.start({
        set: [
            `redis.url=redis://127.0.0.1:${redis.port}`,
            `redis.password=${secret}`,
            "redis.beat=0.2",
            "redis.command_timeout=0.5",
            "redis.reconnect_max=0.5",
            `postgresql.url=${postgres.url()}`,
            `postgresql.password=${postgres.password}`,
            "postgresql.beat=0.2",
            "postgresql.connect_timeout=1",
            "postgresql.statement_timeout=0.5",
            "app.service_check_seconds=0.2",
            "retention.disk_min_free=0",
            "detect.engine=null",
        ],
    });
});

after(async () => {
    await daemon?.destroy();
    await redis?.stop();
    await postgres?.stop();
});

async function health(name) {
    const answer = await (await fetch(`${daemon.url}/api/system/health`)).json();
    return answer.services[name];
}

const becomes = (name, status) => until(`${name} ${status}`, async () => (await health(name)).status === status, 20000);

// What /health says of the own store and PostgreSQL together, and of Redis.
async function parts() {
    const { database, redis } = await daemon.json("/health");
    return { postgresql: database, redis };
}

test("both servers are found healthy", { skip }, async () => {
    await becomes("redis", "healthy");
    await becomes("postgresql", "healthy");
});

test("a frozen server is noticed while nobody uses it, and its return too", { skip }, async () => {
    for (const [name, server] of Object.entries({ redis, postgresql: postgres })) {
        server.pause();
        await becomes(name, "degraded");
        assert.deepEqual(await parts(), { postgresql: true, redis: true, [name]: false });
        server.resume();
        await becomes(name, "healthy");
        assert.deepEqual(await parts(), { postgresql: true, redis: true });
    }
});

test("a killed server comes back by itself", { skip }, async () => {
    for (const [name, server] of Object.entries({ redis, postgresql: postgres })) {
        await server.kill();
        await becomes(name, "degraded");
        await server.restart();
        await becomes(name, "healthy");
    }
});

test("metrics count the connections, and nothing shows a password", { skip }, async () => {
    const metrics = await (await fetch(`${daemon.url}/api/metrics`)).text();
    assert.match(metrics, /^redis_connected\{connection="redis"\} 1$/m);
    assert.match(metrics, /^postgresql_connected\{connection="postgresql"\} 1$/m);
    const texts = [metrics, daemon.log];
    for (const path of ["/api/system/config", "/api/system/health/full", "/api/logs", "/health"]) texts.push(await (await fetch(daemon.url + path)).text());
    for (const text of texts) {
        assert.ok(!text.includes(secret));
        assert.ok(!text.includes(postgres.password));
    }
});
