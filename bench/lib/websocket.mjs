// SPDX-License-Identifier: Apache-2.0
// The least WebSocket client that can listen: text frames in, answers to pings, nothing else. Node
// has one of its own only from version 22.
import crypto from 'node:crypto';
import http from 'node:http';

const TEXT = 1;
const CLOSE = 8;
const PING = 9;
const PONG = 10;

// The first whole frame of `bytes`, or null. Servers do not mask.
function parse(bytes) {
    if (bytes.length < 2) return null;
    let length = bytes[1] & 0x7f;
    let at = 2;
    if (length === 126) {
        if (bytes.length < 4) return null;
        length = bytes.readUInt16BE(2);
        at = 4;
    } else if (length === 127) {
        if (bytes.length < 10) return null;
        length = Number(bytes.readBigUInt64BE(2));
        at = 10;
    }
    if (bytes.length < at + length) return null;
    return { opcode: bytes[0] & 0x0f, payload: bytes.subarray(at, at + length),
        rest: bytes.subarray(at + length) };
}

// Clients mask; a key of zeros is as good as any on loopback.
function pong(payload) {
    return Buffer.concat([Buffer.from([0x80 | PONG, 0x80 | payload.length, 0, 0, 0, 0]), payload]);
}

// Connects to ws://127.0.0.1:port/target; `onText` gets each message as text. Resolves when open,
// to the socket.
export function listen(port, target, onText) {
    return new Promise((resolve, reject) => {
        const request = http.request({ host: '127.0.0.1', port, path: target, headers: {
            Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': '13',
            'Sec-WebSocket-Key': crypto.randomBytes(16).toString('base64') } });
        request.on('error', reject);
        request.on('response', (response) => reject(new Error(`${target}: ${response.statusCode}`)));
        request.on('upgrade', (response, socket, head) => {
            let bytes = Buffer.alloc(0);
            const take = (chunk) => {
                bytes = bytes.length ? Buffer.concat([bytes, chunk]) : chunk;
                for (let frame = parse(bytes); frame; frame = parse(bytes)) {
                    bytes = frame.rest;
                    if (frame.opcode === TEXT) onText(frame.payload.toString('utf8'));
                    else if (frame.opcode === PING) socket.write(pong(frame.payload));
                    else if (frame.opcode === CLOSE) socket.end();
                }
            };
            socket.setNoDelay(true);
            socket.on('error', () => {});
            socket.on('data', take);
            if (head.length) take(head);
            resolve(socket);
        });
        request.end();
    });
}
