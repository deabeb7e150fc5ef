// SPDX-License-Identifier: Apache-2.0
// Numbers, times and names as people say them.

const DAY_MS = 86400000;

export function ago(milliseconds: number): string {
    const seconds = Math.max(0, Math.floor(milliseconds / 1000));
    if (seconds < 3) return "now";
    return `${duration(seconds * 1000)} ago`;
}

// An age as long as somebody counts hours; then the day itself says more.
export function agoOrDay(iso: string, now: number): string {
    const age = now - Date.parse(iso);
    return age < DAY_MS ? ago(age) : dayAndTime(iso, now);
}

// Two units at most; enough for every age on the page.
export function duration(milliseconds: number): string {
    const seconds = Math.max(0, Math.round(milliseconds / 1000));
    if (seconds < 60) return `${seconds} s`;
    const minutes = Math.floor(seconds / 60);
    if (minutes < 60) return seconds % 60 && minutes < 10 ? `${minutes} min ${seconds % 60} s` : `${minutes} min`;
    const hours = Math.floor(minutes / 60);
    if (hours < 48) return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
    return `${Math.floor(hours / 24)} days`;
}

export function clockTime(iso: string): string {
    const date = new Date(iso);
    if (Number.isNaN(date.getTime())) return "–";
    return date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
}

export function dayAndTime(iso: string, now = Date.now()): string {
    const date = new Date(iso);
    if (Number.isNaN(date.getTime())) return "–";
    const today = new Date(now);
    if (today.toDateString() === date.toDateString()) return clockTime(iso);
    // Pictures keep the time of their camera, which may be long ago: then the year counts.
    const year = today.getFullYear() === date.getFullYear() ? undefined : ("numeric" as const);
    return `${date.toLocaleDateString([], { day: "numeric", month: "short", year })} ${clockTime(iso)}`;
}

// For a tooltip: nothing left to guess.
export function wholeTime(iso: string): string {
    const date = new Date(iso);
    if (Number.isNaN(date.getTime())) return "";
    return date.toLocaleString([], { dateStyle: "full", timeStyle: "long" });
}

export function number(value: number | null | undefined, digits = 0): string {
    if (value === null || value === undefined || !Number.isFinite(value)) return "–";
    return value.toLocaleString([], { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

export function percent(ratio: number): string {
    return `${Math.round(ratio * 100)} %`;
}

export function milliseconds(value: number | null | undefined): string {
    if (value === null || value === undefined || !Number.isFinite(value)) return "–";
    if (value < 10) return `${value.toFixed(1)} ms`;
    if (value < 1000) return `${Math.round(value)} ms`;
    return duration(value).replace(/^(\d+) s$/, `${(value / 1000).toFixed(1)} s`);
}

// "detection_queue" as a title.
export function title(name: string): string {
    const words = name.replace(/[_-]+/g, " ").replace(/\b(llm|gpu|api)\b/g, (word) => word.toUpperCase()).trim();
    return words.charAt(0).toUpperCase() + words.slice(1);
}

export function count(amount: number, one: string, many = `${one}s`): string {
    return `${number(amount)} ${amount === 1 ? one : many}`;
}
