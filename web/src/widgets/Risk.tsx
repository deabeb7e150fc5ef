// SPDX-License-Identifier: Apache-2.0
// Risk as colour, shape, word and number: each of them alone is enough.
import { isRiskLevel, levelOf, type RiskLevel } from "./risk";

const shapes: Record<RiskLevel, string> = {
    low: "M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2z",
    medium: "M8 2 15 14H1z",
    high: "M8 1 15 8 8 15 1 8z",
    critical: "M5 1h6l4 4v6l-4 4H5l-4-4V5z",
};

export function RiskShape({ level }: { level: RiskLevel }) {
    return (
        <svg className={`shape risk-${level}`} viewBox="0 0 16 16" aria-hidden="true">
            <path d={shapes[level]} />
        </svg>
    );
}

export function Risk({ level, score }: { level: string; score: number }) {
    const known = isRiskLevel(level) ? level : levelOf(score);
    return (
        <span className={`risk risk-${known}`}>
            <RiskShape level={known} />
            <span className="risk-word">{known}</span> <span className="risk-score">{score}</span>
        </span>
    );
}
