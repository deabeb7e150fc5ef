// SPDX-License-Identifier: Apache-2.0
// The highest risk of the last hour, and how the last day went.
import { useMemo } from "react";
import type { Event } from "../api/types";
import { hourlyOf, type HourlyRisk } from "../live/risk-day";
import { useLive } from "../live/useLive";
import { useNow } from "../live/useNow";
import { useRequest } from "../live/useRequest";
import { Plot } from "../widgets/Plot";
import { RiskShape } from "../widgets/Risk";
import { levelOf } from "../widgets/risk";

const READ_EVERY_MS = 300000;

function Arc({ score }: { score: number | null }) {
    const level = score === null ? null : levelOf(score);
    return (
        <svg className="gauge" viewBox="0 0 120 70" aria-hidden="true">
            <path className="gauge-ground" d="M10 62a50 50 0 0 1 100 0" pathLength={100} />
            {score !== null && (
                <path
                    className={`gauge-value risk-${level}`}
                    d="M10 62a50 50 0 0 1 100 0"
                    pathLength={100}
                    strokeDasharray={`${Math.max(score, 1)} 100`}
                />
            )}
            <text x="60" y="58" textAnchor="middle">
                {score === null ? "–" : score}
            </text>
        </svg>
    );
}

function words(day: HourlyRisk): string {
    const scores = day.values.filter((value): value is number => value !== null);
    if (scores.length === 0) return "Nothing happened in the last 24 hours.";
    const highest = Math.max(...scores);
    return `Highest of the last 24 hours: ${highest} (${levelOf(highest)}), by the hour.`;
}

export function RiskGauge() {
    const { data } = useRequest<unknown>("/api/events/stats", { everyMs: READ_EVERY_MS });
    const feed: readonly Event[] = useLive((state) => state.feed);
    const minute = Math.floor(useNow() / 60000);
    const day = useMemo(() => hourlyOf(data, feed, minute * 60000), [data, feed, minute]);
    const now = day.values[day.values.length - 1] ?? null;
    const level = now === null ? null : levelOf(now);
    return (
        <section className="risk-panel" aria-labelledby="risk-title">
            <h2 id="risk-title">Risk</h2>
            <div className="risk-now">
                <Arc score={now} />
                <p>
                    {level === null ? (
                        "Quiet: nothing in the last hour"
                    ) : (
                        <>
                            <span className={`risk risk-${level}`}>
                                <RiskShape level={level} /> <span className="risk-word">{level}</span>
                            </span>{" "}
                            {now} of 100, highest in the last hour
                        </>
                    )}
                </p>
            </div>
            <Plot times={day.times} values={[day.values]} names={["risk"]} summary={words(day)} height={110} max={100} steps />
        </section>
    );
}
