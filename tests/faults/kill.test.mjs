// SPDX-License-Identifier: Apache-2.0
// The program is killed at random moments while files arrive: afterwards every file has exactly one
// set of detections, every batch exactly one event, and nothing temporary is left.
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { test } from "node:test";
import { Daemon, progress, until } from "../e2e/daemon.mjs";
import { count, database, hasSql, kill, objectsPerPicture, png, put, quick, random, sql } from "./faults.mjs";

const long = process.env.NJ_LONG === "1";
const kills = long ? 100 : 5;
const uploads = long ? 2000 : 200;
const seed = Number(process.env.NJ_SEED ?? Math.floor(Math.random() * 2 ** 31));
const END_MS = 120000;

const later = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// The files of one run of the program; they come from before it starts until it is about to end.
async function uploadSome(daemon, next, from, to) {
    for (let i = from; i < to; i++) {
        put(daemon, `camera ${i % 7}`, `${i}.png`, png({ number: i }));
        if (next() < 0.3) await later(next() * 60);
    }
}

async function startAndKill(daemon, next) {
    const starting = daemon.run().catch(() => {}); // it may be killed before it is ready
    if (next() < 0.7) await starting;
    await later(next() * 60);
    await kill(daemon);
    await starting;
}

function checkDatabase(file) {
    const perFile = sql(file, "SELECT CAST(file_path AS TEXT) AS path, count(*) AS n FROM detections GROUP BY file_path");
    assert.equal(perFile.length, uploads, "every file has detections");
    assert.deepEqual(perFile.filter(({ n }) => n !== objectsPerPicture), [], "exactly one set of detections a file");
    assert.equal(count(file, "SELECT count(*) FROM detections WHERE batch_id IS NULL"), 0, "every detection is in a batch");
    assert.equal(count(file, "SELECT count(*) FROM batches WHERE state <> 'analysed'"), 0, "every batch is analysed");
    assert.equal(count(file, "SELECT count(*) FROM batches WHERE (SELECT count(*) FROM events e WHERE e.batch_id = batches.id) <> 1"), 0, "one event a batch");
    assert.equal(count(file, "SELECT sum(detection_count) FROM batches"), uploads * objectsPerPicture, "batches count what they hold");
    assert.equal(count(file, "SELECT sum(detection_count) FROM events"), uploads * objectsPerPicture, "events count what they show");
    assert.equal(count(file, "SELECT count(*) FROM events WHERE is_fast_path"), uploads, "one fast-path event a picture");
    assert.equal(count(file, "SELECT count(*) FROM dead_letters"), 0, "no dead letters");
    assert.equal(count(file, "SELECT count(*) FROM work_items"), 0, "nothing is left in the queues");
    assert.equal(sql(file, "PRAGMA integrity_check")[0].integrity_check, "ok");
}

// What is not at its end, for whoever has to find out why.
function leftOver(file) {
    return {
        files: count(file, "SELECT count(DISTINCT file_path) FROM detections"),
        batches: sql(file, "SELECT state, count(*) AS n FROM batches GROUP BY state"),
        work: sql(file, "SELECT * FROM work_items LIMIT 5"),
        letters: sql(file, "SELECT queue, reason, count(*) AS n FROM dead_letters GROUP BY queue, reason"),
    };
}

function checkFiles(daemon) {
    const files = readdirSync(daemon.folder, { recursive: true, withFileTypes: true }).filter((one) => one.isFile());
    const strange = files.map((one) => one.name).filter((name) => !/^(\d+\.png|nightjar\.db)$/.test(name));
    assert.deepEqual(strange, [], "no temporary files are left");
    assert.equal(files.length, uploads + 1, "the user's files stay");
}

test(`${kills} kills during ${uploads} uploads lose and double nothing (seed ${seed})`, { skip: !hasSql && "the program sqlite3 is not installed", timeout: 1800000 }, async () => {
    const next = random(seed);
    const tell = progress("kills during uploads, run", kills + 1);
    const daemon = await Daemon.start({ set: quick });
    try {
        await daemon.stop();
        for (let i = 0; i <= kills; i++) {
            const files = [i, i + 1].map((n) => Math.floor((n * uploads) / (kills + 1)));
            await Promise.all([uploadSome(daemon, next, ...files), i < kills ? startAndKill(daemon, next) : daemon.run()]);
            tell(i + 1);
        }
        const file = database(daemon);
        await until("the end of all work", () => count(file, "SELECT count(DISTINCT file_path) FROM detections") >= uploads && count(file, "SELECT count(*) FROM batches WHERE state <> 'analysed'") === 0 && count(file, "SELECT count(*) FROM work_items") === 0, END_MS);
        assert.deepEqual(await daemon.stop(), { code: 0, signal: null });
        checkDatabase(file);
        checkFiles(daemon);
    } catch (error) {
        error.message += `\n${JSON.stringify(leftOver(database(daemon)))}\n${daemon.log.slice(-3000)}`;
        throw error;
    } finally {
        await daemon.destroy();
    }
});
