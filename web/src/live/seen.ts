// SPDX-License-Identifier: Apache-2.0
// Remembers the newest numbers, so that a message that comes twice (live and replayed) counts once.

export class Seen {
    private readonly numbers = new Set<number>();

    constructor(private readonly limit = 512) {}

    // True the first time; the oldest number is forgotten beyond the limit.
    add(number: number): boolean {
        if (this.numbers.has(number)) return false;
        this.numbers.add(number);
        if (this.numbers.size > this.limit) {
            const oldest = this.numbers.values().next().value;
            if (oldest !== undefined) this.numbers.delete(oldest);
        }
        return true;
    }

    clear(): void {
        this.numbers.clear();
    }

    get size(): number {
        return this.numbers.size;
    }
}
