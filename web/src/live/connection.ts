// SPDX-License-Identifier: Apache-2.0
// One WebSocket that stays: comes back by itself, answers pings, asks for what it missed.
import { backoffMs } from "./backoff";
import { Seen } from "./seen";

export interface Message {
    type: string;
    data?: unknown;
    timestamp?: string;
    sequence?: number;
    requires_ack?: boolean;
    replay?: boolean;
}

export type ConnectionState =
    | { phase: "connecting"; attempt: number }
    | { phase: "open"; since: number }
    | { phase: "waiting"; attempt: number; since: number; retryAt: number; reason: string }
    | { phase: "refused"; reason: string }
    | { phase: "closed" };

export interface SocketLike {
    readyState: number;
    onopen: ((event: never) => void) | null;
    onclose: ((event: { code: number; reason: string }) => void) | null;
    onmessage: ((event: { data: unknown }) => void) | null;
    onerror: ((event: never) => void) | null;
    send(text: string): void;
    close(code?: number): void;
}

export interface ConnectionOptions {
    url: () => string;
    protocols?: () => string[];
    channel: string; // "events", "system"
    open: (url: string, protocols: string[]) => SocketLike;
    onMessage: (message: Message) => void;
    onState: (state: ConnectionState) => void;
    onGap?: () => void; // more was missed than the server keeps: read it from the API
    now?: () => number;
    random?: () => number;
    setTimer?: (fn: () => void, ms: number) => unknown;
    clearTimer?: (timer: unknown) => void;
}

// The server pings every 30 s; two lost ones and a half mean that nobody is there.
export const SILENCE_MS = 75000;
// An opening that takes longer than this has failed.
export const OPENING_MS = 10000;
const STABLE_MS = 5000;
const REFUSED = 1008;

export class Connection {
    state: ConnectionState = { phase: "closed" };
    private socket: SocketLike | null = null;
    private retryTimer: unknown = null;
    private silenceTimer: unknown = null;
    private attempt = 0;
    private downSince = 0;
    private openedAt = 0;
    private lastSequence = -1; // -1: nothing known yet
    private readonly seen = new Seen();

    constructor(private readonly options: ConnectionOptions) {}

    start(): void {
        if (this.state.phase === "closed" || this.state.phase === "refused") this.connect();
    }

    stop(): void {
        this.cancelTimers();
        const socket = this.socket;
        this.drop();
        socket?.close(1000);
        this.tell({ phase: "closed" });
    }

    // Somebody is looking, or the network came back: do not wait for the rest of the countdown.
    retryNow(): void {
        if (this.state.phase !== "waiting" && this.state.phase !== "refused") return;
        this.cancelTimers();
        this.connect();
    }

    send(message: Message): void {
        if (this.socket !== null && this.state.phase === "open")
            this.socket.send(JSON.stringify(message));
    }

    private now(): number {
        return (this.options.now ?? Date.now)();
    }

    private timer(fn: () => void, ms: number): unknown {
        return (this.options.setTimer ?? ((f, wait) => setTimeout(f, wait)))(fn, ms);
    }

    private cancel(timer: unknown): void {
        if (timer === null) return;
        (this.options.clearTimer ?? ((t) => clearTimeout(t as number)))(timer);
    }

    private cancelTimers(): void {
        this.cancel(this.retryTimer);
        this.cancel(this.silenceTimer);
        this.retryTimer = null;
        this.silenceTimer = null;
    }

    private tell(state: ConnectionState): void {
        this.state = state;
        this.options.onState(state);
    }

    private connect(): void {
        this.attempt += 1;
        this.tell({ phase: "connecting", attempt: this.attempt });
        let socket: SocketLike;
        try {
            socket = this.options.open(this.options.url(), this.options.protocols?.() ?? []);
        } catch {
            this.wait("the address cannot be opened");
            return;
        }
        this.socket = socket;
        socket.onopen = () => this.opened();
        socket.onmessage = (event) => this.received(event.data);
        socket.onerror = () => undefined; // onclose follows and says what matters
        socket.onclose = (event) => this.lost(event.code, event.reason);
        this.watchSilence(OPENING_MS);
    }

    private opened(): void {
        this.openedAt = this.now();
        this.tell({ phase: "open", since: this.openedAt });
        this.watchSilence(SILENCE_MS);
    }

    private watchSilence(ms: number): void {
        this.cancel(this.silenceTimer);
        this.silenceTimer = this.timer(() => {
            const socket = this.socket;
            this.lost(0, "nothing was heard");
            socket?.close();
        }, ms);
    }

    private drop(): void {
        if (this.socket === null) return;
        this.socket.onopen = null;
        this.socket.onmessage = null;
        this.socket.onclose = null;
        this.socket = null;
    }

    private lost(code: number, reason: string): void {
        this.drop();
        this.cancelTimers();
        if (code === REFUSED) {
            this.tell({ phase: "refused", reason: reason || "a key is needed" });
            return;
        }
        // A connection that held for a while begins the waits anew.
        if (this.openedAt > 0 && this.now() - this.openedAt >= STABLE_MS) this.attempt = 0;
        this.wait(reason || (code === 1001 ? "the server stopped" : "the connection was lost"));
    }

    private wait(reason: string): void {
        this.drop();
        const wasOpen = this.openedAt > 0;
        if (wasOpen || this.downSince === 0) this.downSince = this.now();
        this.openedAt = 0;
        const attempt = Math.max(this.attempt, 1);
        const ms = backoffMs(attempt, (this.options.random ?? Math.random)());
        this.tell({
            phase: "waiting",
            attempt,
            since: this.downSince,
            retryAt: this.now() + ms,
            reason,
        });
        this.retryTimer = this.timer(() => {
            this.retryTimer = null;
            this.connect();
        }, ms);
    }

    private received(data: unknown): void {
        this.watchSilence(SILENCE_MS);
        if (typeof data !== "string") return;
        let message: Message;
        try {
            message = JSON.parse(data) as Message;
        } catch {
            return; // not ours; the next one may be
        }
        if (message === null || typeof message !== "object" || typeof message.type !== "string")
            return;
        this.dispatch(message);
    }

    private dispatch(message: Message): void {
        switch (message.type) {
            case "ping":
                this.send({ type: "pong" });
                return;
            case "pong":
            case "error":
                return;
            case "connected":
                this.greeted(message.sequence ?? 0);
                return;
            case "resync_ack":
                if ((message as { complete?: boolean }).complete === false) this.options.onGap?.();
                return;
            default:
                this.deliver(message);
        }
    }

    // The greeting carries the newest number of the channel.
    private greeted(sequence: number): void {
        if (this.lastSequence < 0) {
            this.lastSequence = sequence;
            return;
        }
        if (sequence < this.lastSequence) {
            // Numbers began anew with the program.
            this.seen.clear();
            this.lastSequence = sequence;
            this.options.onGap?.();
            return;
        }
        if (sequence > this.lastSequence)
            this.send({
                type: "resync",
                data: { channel: this.options.channel, last_sequence: this.lastSequence },
            });
    }

    private deliver(message: Message): void {
        const sequence = message.sequence;
        if (sequence !== undefined) {
            if (!this.seen.add(sequence)) return;
            if (sequence > this.lastSequence) this.lastSequence = sequence;
            if (message.requires_ack) this.send({ type: "ack", data: { seq: sequence } } as Message);
        }
        this.options.onMessage(message);
    }
}
