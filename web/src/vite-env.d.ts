// SPDX-License-Identifier: Apache-2.0
// What the builder knows about files that are no modules.
/// <reference types="vite/client" />
