// SPDX-License-Identifier: Apache-2.0
// The state of the whole in one line of plain words, worst first.
import { title } from "../widgets/words";
import type { ConnectionState } from "./connection";
import type { ServiceChange } from "./store";

export type Grade = "good" | "warn" | "bad" | "unknown";

export interface Verdict {
    grade: Grade;
    words: string;
}

export interface ServiceView {
    name: string;
    status: string;
    message: string | null;
    critical: boolean;
}

function record(value: unknown): Record<string, unknown> {
    return value !== null && typeof value === "object" && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}

// Services come as {"name": "healthy"} on the socket and with their reasons from the API.
export function servicesOf(status: unknown): ServiceView[] {
    return Object.entries(record(record(status).services)).map(([name, value]) => {
        if (typeof value === "string") return { name, status: value, message: null, critical: false };
        const service = record(value);
        return {
            name,
            status: String(service.status ?? "unknown"),
            message: typeof service.message === "string" && service.message !== "" ? service.message : null,
            critical: service.critical === true,
        };
    });
}

export function gradeOf(status: string): Grade {
    if (status === "healthy" || status === "online" || status === "closed" || status === "active") return "good";
    if (status === "degraded" || status === "warning" || status === "half_open" || status === "stopped") return "warn";
    if (status === "unknown" || status === "starting") return "unknown";
    return "bad";
}

// Whoever does not say how he is may not be called good.
function silentOf(status: unknown): Verdict[] {
    const silent = servicesOf(status).filter((service) => gradeOf(service.status) === "unknown");
    const [first] = silent;
    if (first === undefined) return [];
    const who = silent.length === 1 ? `${title(first.name)} does` : `${silent.length} services do`;
    return [{ grade: "unknown", words: `${who} not say how things are.` }];
}

function numberIn(status: unknown, member: string, name: string): number {
    const value = record(record(status)[member])[name];
    return typeof value === "number" ? value : 0;
}

type Changes = Readonly<Record<string, ServiceChange>>;

function problemsOf(status: unknown, changes: Changes): Verdict[] {
    const found: Verdict[] = [];
    for (const service of servicesOf(status)) {
        const grade = gradeOf(service.status);
        if (grade === "good" || grade === "unknown") continue;
        const told = changes[service.name];
        const reason = told?.status === service.status ? told.message || null : null;
        const words = service.message ?? reason ?? `${title(service.name)}: ${service.status}`;
        found.push({ grade: service.critical ? "bad" : grade, words: sentence(words) });
    }
    const letters = numberIn(status, "queues", "dlq_total");
    if (letters > 0)
        found.push({ grade: "warn", words: `${letters} ${letters === 1 ? "job" : "jobs"} failed for good and wait for a decision.` });
    const offline = numberIn(status, "cameras", "offline");
    const total = numberIn(status, "cameras", "total");
    if (offline > 0)
        found.push({ grade: "warn", words: `${offline} of ${total} ${total === 1 ? "camera" : "cameras"} ${offline === 1 ? "is" : "are"} not online.` });
    return found;
}

function sentence(words: string): string {
    return /[.!?]$/.test(words) ? words : `${words}.`;
}

export function verdictOf(status: unknown, connection: ConnectionState, changes: Changes = {}): Verdict {
    if (status === null || status === undefined)
        return { grade: "unknown", words: connection.phase === "open" ? "Asking how things are …" : "Not connected yet." };
    if (connection.phase !== "open") return { grade: "unknown", words: "Not connected: this is the state of before." };
    const problems = problemsOf(status, changes);
    problems.push(...silentOf(status));
    problems.sort((a, b) => Number(b.grade === "bad") - Number(a.grade === "bad"));
    const worst = problems[0];
    if (worst === undefined) return { grade: "good", words: "All good." };
    const more = problems.length - 1;
    return more > 0 ? { ...worst, words: `${worst.words} And ${more} more.` } : worst;
}
