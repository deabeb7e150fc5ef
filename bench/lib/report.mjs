// SPDX-License-Identifier: Apache-2.0
// The common form of every benchmark's figures, as report.c has it: a table for people, JSON for
// programs.
import fs from 'node:fs';
import os from 'node:os';

export function median(values) {
    const sorted = [...values].sort((a, b) => a - b);
    const middle = sorted.length >> 1;
    return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

// The value below which `share` of the values lie (nearest rank).
export function percentile(values, share) {
    const sorted = [...values].sort((a, b) => a - b);
    return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
}

// Median, least and greatest of several runs.
export function spread(values) {
    return { value: median(values), low: Math.min(...values), high: Math.max(...values) };
}

function holds(result) {
    if (result.goal === null) return true;
    return result.atMost ? result.value <= result.goal : result.value >= result.goal;
}

function machine() {
    const cpu = os.cpus()[0]?.model.trim() || 'unknown cpu';
    return `${cpu}, ${os.cpus().length} cores, Linux ${os.release()} ${os.machine?.() ?? os.arch()}`;
}

export class Report {
    constructor(bench) {
        this.bench = bench;
        this.results = [];
    }

    // `figure`: {value, low, high} or a number; `goal`: {atLeast: n} or {atMost: n}, or nothing.
    add(name, unit, figure, goal = {}) {
        const spreadOf = typeof figure === 'number'
            ? { value: figure, low: figure, high: figure } : figure;
        this.results.push({ name, unit, ...spreadOf, goal: goal.atLeast ?? goal.atMost ?? null,
            atMost: goal.atMost !== undefined });
    }

    // Prints the table and writes the JSON; returns the exit code.
    finish(jsonPath) {
        console.log(`${this.bench} on ${machine()}`);
        console.log(`${'name'.padEnd(26)} ${['value', 'low', 'high'].map((t) => t.padStart(14)).join(' ')}`
            + `  ${'unit'.padEnd(8)} goal`);
        for (const result of this.results) {
            const numbers = [result.value, result.low, result.high]
                .map((value) => value.toFixed(3).padStart(14)).join(' ');
            const goal = result.goal === null ? ''
                : `${result.atMost ? '<=' : '>='} ${result.goal} ${holds(result) ? 'holds' : 'MISSED'}`;
            console.log(`${result.name.padEnd(26)} ${numbers}  ${result.unit.padEnd(8)} ${goal}`);
        }
        if (jsonPath) {
            const results = this.results.map(({ name, value, unit, low, high, goal, atMost }) => (
                { name, value, unit, low, high, goal, holds: holds({ value, goal, atMost }) }));
            fs.writeFileSync(jsonPath,
                `${JSON.stringify({ bench: this.bench, machine: machine(), results })}\n`);
        }
        return this.results.every(holds) ? 0 : 1;
    }
}

// "--name VALUE" and "--flag" of the command line.
export function option(name, fallback) {
    const at = process.argv.indexOf(`--${name}`);
    return at > 0 && at + 1 < process.argv.length ? process.argv[at + 1] : fallback;
}

export function flag(name) {
    return process.argv.includes(`--${name}`);
}
