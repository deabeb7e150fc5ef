// SPDX-License-Identifier: Apache-2.0
// The little of Node that the tests use; the page itself has no types of Node.
declare module "node:test" {
    export function test(name: string, fn: () => void | Promise<void>): void;
}
declare module "node:assert/strict" {
    const assert: {
        equal(actual: unknown, expected: unknown, message?: string): void;
        deepEqual(actual: unknown, expected: unknown, message?: string): void;
        ok(value: unknown, message?: string): void;
    };
    export default assert;
}
