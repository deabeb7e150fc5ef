// SPDX-License-Identifier: Apache-2.0
// Real Redis and PostgreSQL servers for tests: ports and folders of their own, no rights, gone with
// the test. `why` of a missing one is the reason to skip.
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { accessSync, chownSync, constants, mkdtempSync, openSync, closeSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { createConnection } from "node:net";
import { freePort, until } from "./daemon.mjs";

const START_MS = 30000;
const STOP_MS = 10000;

function isProgram(path) {
    try {
        accessSync(path, constants.X_OK);
        return true;
    } catch {
        return false;
    }
}

function postgresFolders() {
    try {
        const versions = readdirSync("/usr/lib/postgresql").sort((a, b) => Number(b) - Number(a));
        return versions.map((version) => join("/usr/lib/postgresql", version, "bin"));
    } catch {
        return [];
    }
}

function find(name) {
    const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/local/sbin", "/usr/sbin", ...postgresFolders()];
    return folders.map((folder) => join(folder, name)).find(isProgram);
}

const setpriv = find("setpriv");
const id = (option) => Number(execFileSync("id", [option, "nobody"], { encoding: "utf8" }));
const user = process.getuid() === 0 ? { uid: id("-u"), gid: id("-g") } : null;

// Words that run a program without rights, told by a signal when this process dies.
function without(signal, words) {
    const rights = user ? [`--reuid=${user.uid}`, `--regid=${user.gid}`, "--clear-groups"] : [];
    return [setpriv, "--pdeathsig", signal, ...rights, ...words];
}

function folderFor(name) {
    const folder = mkdtempSync(join(tmpdir(), `nightjar-${name}-`));
    if (user) chownSync(folder, user.uid, user.gid);
    return folder;
}

function children(pid) {
    try {
        return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean).map(Number);
    } catch {
        return [];
    }
}

class Server {
    async run() {
        const output = openSync(join(this.folder, "output"), "a");
        const [program, ...words] = this.words();
        this.child = spawn(program, words, { cwd: this.folder, stdio: ["ignore", output, output] });
        closeSync(output);
        let gone = null;
        this.exited = new Promise((resolve) => this.child.once("exit", resolve));
        void this.exited.then((code) => (gone = { code }));
        await until(`${this.constructor.name}'s readiness`, async () => {
            if (gone) throw new Error(`it ended: ${readFileSync(join(this.folder, "output"), "utf8").slice(-2000)}`);
            return this.isReady();
        }, START_MS);
    }

    signal(name) {
        for (const pid of [this.child.pid, ...children(this.child.pid)]) process.kill(pid, name);
    }

    pause() {
        this.signal("SIGSTOP");
        this.paused = true;
    }

    resume() {
        if (this.paused) this.signal("SIGCONT");
        this.paused = false;
    }

    async kill() {
        this.resume();
        this.child.kill("SIGKILL");
        await this.exited;
    }

    // On the same port.
    async restart() {
        if (this.child.exitCode === null && this.child.signalCode === null) await this.kill();
        await this.run();
    }

    async stop() {
        if (this.child?.exitCode === null && this.child.signalCode === null) {
            this.resume();
            this.child.kill(this.stopSignal);
            const late = setTimeout(() => this.child.kill("SIGKILL"), STOP_MS);
            await this.exited;
            clearTimeout(late);
        }
        rmSync(this.folder, { recursive: true, force: true });
    }
}

export class Redis extends Server {
    stopSignal = "SIGTERM";

    static why() {
        if (!setpriv) return "setpriv is not installed";
        return find("redis-server") && find("redis-cli") ? null : "redis-server is not installed";
    }

    static async start({ password = "" } = {}) {
        const server = new Redis();
        server.password = password;
        server.port = await freePort();
        server.folder = folderFor("redis");
        await server.run();
        return server;
    }

    words() {
        const secret = this.password ? ["--requirepass", this.password] : [];
        return without("SIGKILL", [find("redis-server"), "--port", String(this.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", this.folder, ...secret]);
    }

    isReady() {
        return new Promise((resolve) => {
            const socket = createConnection(this.port, "127.0.0.1", () => socket.write("PING\r\n"));
            socket.setTimeout(1000, () => socket.destroy());
            socket.once("data", (text) => {
                resolve(/^(\+PONG|-NOAUTH)/.test(text.toString("latin1")));
                socket.destroy();
            });
            socket.once("error", () => resolve(false));
            socket.once("close", () => resolve(false));
        });
    }

    get url() {
        return `redis://127.0.0.1:${this.port}/0`;
    }

    // The answer of redis-cli, as text.
    ask(...words) {
        const environment = this.password ? { ...process.env, REDISCLI_AUTH: this.password } : process.env;
        return execFileSync(find("redis-cli"), ["-h", "127.0.0.1", "-p", String(this.port), ...words], { encoding: "utf8", env: environment, timeout: 10000 }).trim();
    }

    // Collects what is published on a channel into `messages`, until stop().
    async listen(channel) {
        const environment = this.password ? { ...process.env, REDISCLI_AUTH: this.password } : process.env;
        const child = spawn(find("redis-cli"), ["-h", "127.0.0.1", "-p", String(this.port), "--csv", "subscribe", channel], { env: environment, stdio: ["ignore", "pipe", "ignore"] });
        const listener = { lines: [], stop: () => child.kill("SIGKILL") };
        let rest = "";
        child.stdout.setEncoding("utf8").on("data", (text) => {
            const lines = (rest + text).split("\n");
            rest = lines.pop();
            listener.lines.push(...lines);
        });
        await until("the subscription", () => listener.lines.length > 0);
        listener.lines.shift();
        return listener;
    }
}

export class Postgres extends Server {
    stopSignal = "SIGINT";

    static why() {
        if (!setpriv) return "setpriv is not installed";
        return find("postgres") && find("initdb") && find("psql") ? null : "PostgreSQL's server is not installed";
    }

    static async start() {
        const server = new Postgres();
        server.password = "pass/word:1@x";
        server.port = await freePort();
        server.folder = folderFor("postgres");
        const secret = join(server.folder, "password");
        writeFileSync(secret, `${server.password}\n`);
        if (user) chownSync(secret, user.uid, user.gid);
        const [program, ...words] = without("SIGKILL", [find("initdb"), "-D", join(server.folder, "data"), "-A", "scram-sha-256", "-U", "postgres", "-E", "UTF8", "--no-locale", "--no-sync", `--pwfile=${secret}`]);
        const made = spawnSync(program, words, { cwd: server.folder, encoding: "utf8" });
        if (made.status !== 0) throw new Error(`initdb: ${made.stderr}`);
        await server.run();
        return server;
    }

    words() {
        return without("SIGQUIT", [find("postgres"), "-D", join(this.folder, "data"), "-h", "127.0.0.1", "-p", String(this.port), "-k", this.folder, "-F", "-c", "autovacuum=off"]);
    }

    isReady() {
        return this.runSql("postgres", "SELECT 1").status === 0;
    }

    runSql(database, sql) {
        const environment = { ...process.env, PGPASSWORD: this.password, PGCONNECT_TIMEOUT: "5" };
        const words = ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", String(this.port), "-U", "postgres", "-d", database, "-c", sql];
        return spawnSync(find("psql"), words, { encoding: "utf8", env: environment, timeout: 20000 });
    }

    // Without the password.
    url(database = "postgres") {
        return `postgresql://postgres@127.0.0.1:${this.port}/${database}`;
    }

    // What psql prints, unaligned: rows by lines, columns by "|".
    sql(sql, database = "postgres") {
        const done = this.runSql(database, sql);
        if (done.status !== 0) throw new Error(`${sql}: ${done.stderr}`);
        return done.stdout.trim();
    }
}
