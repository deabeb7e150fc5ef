// SPDX-License-Identifier: Apache-2.0
// The four levels of risk, as the usual limits of the program have them.

export const riskLevels = ["low", "medium", "high", "critical"] as const;
export type RiskLevel = (typeof riskLevels)[number];

export function isRiskLevel(text: string): text is RiskLevel {
    return (riskLevels as readonly string[]).includes(text);
}

// For a score that comes without its word.
export function levelOf(score: number): RiskLevel {
    if (score >= 85) return "critical";
    if (score >= 60) return "high";
    return score >= 30 ? "medium" : "low";
}
