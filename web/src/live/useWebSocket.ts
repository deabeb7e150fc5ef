// SPDX-License-Identifier: Apache-2.0
// A shared connection by path: the first user opens it, the last one closes it.
import { useEffect, useRef, useState } from "react";
import { apiKey } from "../api/client";
import { Connection, type ConnectionState, type Message, type SocketLike } from "./connection";

interface Shared {
    connection: Connection;
    users: Set<Handlers>;
}

interface Handlers {
    onMessage: (message: Message) => void;
    onState: (state: ConnectionState) => void;
    onGap: () => void;
}

const connections = new Map<string, Shared>();

// What a subprotocol may consist of; a stranger key goes by query.
const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

function address(path: string): string {
    const base = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${path}`;
    const key = apiKey();
    return key !== "" && !token.test(key) ? `${base}?api_key=${encodeURIComponent(key)}` : base;
}

// A plain name goes first: the server answers with it instead of with the secret.
function protocols(): string[] {
    const key = apiKey();
    return key !== "" && token.test(key) ? ["nightjar", `api-key.${key}`] : [];
}

function open(path: string): Shared {
    const users = new Set<Handlers>();
    const connection = new Connection({
        url: () => address(path),
        protocols,
        channel: path.split("/").pop() ?? path,
        open: (url, protocols) => new WebSocket(url, protocols) as unknown as SocketLike,
        onMessage: (message) => users.forEach((user) => user.onMessage(message)),
        onState: (state) => users.forEach((user) => user.onState(state)),
        onGap: () => users.forEach((user) => user.onGap()),
    });
    return { connection, users };
}

export function retryConnections(): void {
    for (const shared of connections.values()) shared.connection.retryNow();
}

export interface WebSocketOptions {
    onMessage?: (message: Message) => void;
    onState?: (state: ConnectionState) => void;
    onGap?: () => void;
}

export function useWebSocket(path: string, options: WebSocketOptions = {}) {
    const [state, setState] = useState<ConnectionState>({ phase: "closed" });
    const [lastMessage, setLastMessage] = useState<Message | null>(null);
    const newest = useRef(options);
    newest.current = options;
    useEffect(() => {
        const shared = connections.get(path) ?? open(path);
        connections.set(path, shared);
        const user: Handlers = {
            onMessage: (message) =>
                newest.current.onMessage ? newest.current.onMessage(message) : setLastMessage(message),
            onState: (next) => {
                setState(next);
                newest.current.onState?.(next);
            },
            onGap: () => newest.current.onGap?.(),
        };
        shared.users.add(user);
        user.onState(shared.connection.state);
        shared.connection.start();
        return () => {
            shared.users.delete(user);
            if (shared.users.size > 0) return;
            connections.delete(path);
            shared.connection.stop();
        };
    }, [path]);
    return { isConnected: state.phase === "open", state, lastMessage };
}
