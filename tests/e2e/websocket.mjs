// SPDX-License-Identifier: Apache-2.0
// A backend of the detector worker: WebSocket by hand (RFC 6455), so that nothing of the program's own reads what it wrote.
import { randomBytes } from "node:crypto";
import { connect } from "node:net";
import { until } from "./daemon.mjs";

const TEXT = 1;
const CLOSE = 8;
const PING = 9;
const PONG = 10;

function encode(opcode, payload) {
    const mask = randomBytes(4);
    const long = payload.length > 65535 ? 8 : payload.length > 125 ? 2 : 0;
    const head = Buffer.alloc(2 + long);
    head[0] = 0x80 | opcode;
    head[1] = 0x80 | (long === 8 ? 127 : long === 2 ? 126 : payload.length);
    if (long === 2) head.writeUInt16BE(payload.length, 2);
    if (long === 8) head.writeBigUInt64BE(BigInt(payload.length), 2);
    return Buffer.concat([head, mask, payload.map((byte, i) => byte ^ mask[i % 4])]);
}

export class Backend {
    static async open(port, path = "/", headers = []) {
        const backend = new Backend();
        backend.messages = []; // { at, ...message }
        backend.pongs = 0;
        backend.answers = true; // pings
        backend.closed = null; // code
        backend.bytes = Buffer.alloc(0);
        backend.socket = connect(port, "127.0.0.1");
        const lines = [`GET ${path} HTTP/1.1`, `Host: 127.0.0.1:${port}`, "Connection: Upgrade", "Upgrade: websocket",
            "Sec-WebSocket-Version: 13", `Sec-WebSocket-Key: ${randomBytes(16).toString("base64")}`, ...headers];
        backend.socket.write(`${lines.join("\r\n")}\r\n\r\n`);
        backend.socket.on("data", (bytes) => backend.take(bytes));
        backend.socket.on("close", () => (backend.closed ??= 1006));
        backend.socket.on("error", () => (backend.closed ??= 1006));
        await until("the handshake", () => backend.status);
        return backend;
    }

    take(bytes) {
        this.bytes = Buffer.concat([this.bytes, bytes]);
        if (!this.status) {
            const end = this.bytes.indexOf("\r\n\r\n");
            if (end < 0) return;
            this.status = Number(this.bytes.toString("latin1", 9, 12));
            this.bytes = this.bytes.subarray(end + 4);
        }
        while (this.takeFrame()) { /* the next one */ }
    }

    takeFrame() {
        if (this.bytes.length < 2) return false;
        const short = this.bytes[1] & 127;
        const long = short === 127 ? 8 : short === 126 ? 2 : 0;
        if (this.bytes.length < 2 + long) return false;
        const length = long === 8 ? Number(this.bytes.readBigUInt64BE(2)) : long === 2 ? this.bytes.readUInt16BE(2) : short;
        if (this.bytes.length < 2 + long + length) return false;
        const payload = this.bytes.subarray(2 + long, 2 + long + length);
        const opcode = this.bytes[0] & 15;
        if (opcode === TEXT) this.messages.push({ at: performance.now(), ...JSON.parse(payload.toString()) });
        if (opcode === PONG) this.pongs += 1;
        if (opcode === PING && this.answers) this.socket.write(encode(PONG, payload));
        if (opcode === CLOSE) this.closed = payload.length > 1 ? payload.readUInt16BE(0) : 1005;
        this.bytes = this.bytes.subarray(2 + long + length);
        return true;
    }

    send(message) {
        this.socket.write(encode(TEXT, Buffer.from(typeof message === "string" ? message : JSON.stringify(message))));
    }

    ping() {
        this.socket.write(encode(PING, Buffer.from("here")));
    }

    // The first message from now on, or of those that came, that pleases; it and those before it are gone.
    async next(what, pleases, ms = 15000) {
        return until(what, () => {
            const index = this.messages.findIndex(pleases);
            return index < 0 ? null : this.messages.splice(0, index + 1).pop();
        }, ms);
    }

    drop() {
        this.socket.destroy();
    }
}
