// SPDX-License-Identifier: Apache-2.0
// Asks the API: one error form, the key where one is needed, and no answer is trusted to be whole.

const KEY_NAME = "nightjar.api_key";
const TIMEOUT_MS = 15000;

// A failure as a person needs it: what, why, what to do, and a code to copy.
export class ApiError extends Error {
    constructor(
        readonly status: number,
        readonly title: string,
        readonly detail: string,
        readonly where: string,
    ) {
        super(detail || title);
    }
    get code(): string {
        return `${this.status === 0 ? "NO-ANSWER" : `HTTP-${this.status}`} ${this.where}`;
    }
    get advice(): string {
        if (this.status === 0) return "Check that nightjar runs; the page tries again by itself.";
        if (this.status === 401) return "Give an API key of this instance.";
        if (this.status === 404) return "It may have been removed by retention; go back to the list.";
        if (this.status === 409 || this.status === 412)
            return "Somebody changed it meanwhile; the newest state is shown, try again.";
        if (this.status === 503) return "A part of the program is not ready; System says which.";
        return "Try again; if it stays, the program's log has the same time and path.";
    }
}

type KeyListener = (needed: boolean) => void;
const keyListeners = new Set<KeyListener>();

export function onKeyNeeded(listener: KeyListener): () => void {
    keyListeners.add(listener);
    return () => keyListeners.delete(listener);
}

function tellKeyNeeded(needed: boolean): void {
    for (const listener of keyListeners) listener(needed);
}

// Kept for this tab only: a closed browser forgets it.
export function apiKey(): string {
    try {
        return sessionStorage.getItem(KEY_NAME) ?? "";
    } catch {
        return "";
    }
}

export function setApiKey(key: string): void {
    try {
        sessionStorage.setItem(KEY_NAME, key);
    } catch {
        // Storage is forbidden here: the key is asked for again after a reload.
    }
    tellKeyNeeded(false);
}

function headers(more?: Record<string, string>): Record<string, string> {
    const key = apiKey();
    return key ? { ...more, "X-API-Key": key } : { ...more };
}

async function problemOf(response: Response, where: string): Promise<ApiError> {
    let title = response.statusText || "The server refused";
    let detail = "";
    try {
        const body: unknown = await response.json();
        if (body !== null && typeof body === "object") {
            const problem = body as { title?: unknown; detail?: unknown };
            if (typeof problem.title === "string") title = problem.title;
            if (typeof problem.detail === "string") detail = problem.detail;
        }
    } catch {
        // Not JSON: the status line has to do.
    }
    return new ApiError(response.status, title, detail, where);
}

async function send(method: string, path: string, init: RequestInit): Promise<Response> {
    const where = `${method} ${path.split("?")[0]}`;
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(), TIMEOUT_MS);
    init.signal?.addEventListener("abort", () => abort.abort());
    let response: Response;
    try {
        response = await fetch(path, { ...init, method, signal: abort.signal });
    } catch (cause) {
        if (init.signal?.aborted) throw cause;
        throw new ApiError(0, "No answer", "The server did not answer.", where);
    } finally {
        clearTimeout(timer);
    }
    if (response.status === 401) tellKeyNeeded(true);
    if (!response.ok) throw await problemOf(response, where);
    return response;
}

export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
    const response = await send("GET", path, { headers: headers(), signal });
    return (await response.json()) as T;
}

// The answer of /api/system/health is a 503 with a whole body when something is wrong.
export async function getEvenIfUnwell<T>(path: string, signal?: AbortSignal): Promise<T> {
    const response = await fetch(path, { headers: headers(), signal });
    if (response.status === 401) tellKeyNeeded(true);
    if (!response.ok && response.status !== 503) throw await problemOf(response, `GET ${path}`);
    return (await response.json()) as T;
}

export async function change<T>(
    method: "POST" | "PUT" | "PATCH" | "DELETE",
    path: string,
    body?: unknown,
    version?: number,
): Promise<T> {
    const more: Record<string, string> = {};
    if (body !== undefined) more["Content-Type"] = "application/json";
    if (version !== undefined) more["If-Match"] = `"v${version}"`;
    const response = await send(method, path, {
        headers: headers(more),
        body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await response.text();
    return (text ? JSON.parse(text) : {}) as T;
}

export async function getPicture(path: string, signal?: AbortSignal): Promise<Blob> {
    const response = await send("GET", path, { headers: headers(), signal });
    return response.blob();
}

export function listPath(path: string, query: Record<string, string | number | undefined>): string {
    const search = new URLSearchParams();
    for (const [name, value] of Object.entries(query))
        if (value !== undefined && value !== "") search.set(name, String(value));
    const text = search.toString();
    return text ? `${path}?${text}` : path;
}
