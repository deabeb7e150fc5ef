// SPDX-License-Identifier: Apache-2.0
// The highest score of each hour of the last day, from the API's figures and what came since.
import type { Event } from "../api/types";

export const HOURS = 24;
const HOUR_MS = 3600000;

export interface HourlyRisk {
    times: number[]; // seconds, end of each span
    values: (number | null)[];
}

function countedBy(stats: unknown): (number | null)[] {
    const hourly = (stats as { hourly_risk?: unknown } | null)?.hourly_risk;
    if (!Array.isArray(hourly)) return [];
    return hourly.map((value) => (typeof value === "number" && value >= 0 ? value : null));
}

// The spans end now: the last value is the last hour, not the hour of the clock.
export function hourlyOf(stats: unknown, feed: readonly Event[], now: number): HourlyRisk {
    const counted = countedBy(stats).slice(-HOURS);
    const values: (number | null)[] = [...Array<null>(HOURS - counted.length).fill(null), ...counted];
    for (const event of feed) {
        const hoursAgo = Math.floor(Math.max(0, now - Date.parse(event.started_at)) / HOUR_MS);
        const place = HOURS - 1 - hoursAgo;
        if (!(place >= 0 && place < HOURS)) continue;
        values[place] = Math.max(values[place] ?? 0, event.risk_score);
    }
    const times = values.map((_, index) => Math.round((now - (HOURS - 1 - index) * HOUR_MS) / 1000));
    return { times, values };
}
