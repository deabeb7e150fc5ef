// SPDX-License-Identifier: Apache-2.0
// When to try again: doubling waits with jitter, so that many pages do not come back at once.

export interface BackoffOptions {
    firstMs: number;
    capMs: number;
    jitter: number; // part of the wait that chance decides, 0..1
}

export const usualBackoff: BackoffOptions = { firstMs: 500, capMs: 30000, jitter: 0.4 };

// The wait before try number `attempt` (from 1); `chance` is in 0..1.
export function backoffMs(attempt: number, chance: number, options = usualBackoff): number {
    const doublings = Math.min(Math.max(attempt, 1) - 1, 30);
    const whole = Math.min(options.firstMs * 2 ** doublings, options.capMs);
    return Math.round(whole * (1 - options.jitter * chance));
}
