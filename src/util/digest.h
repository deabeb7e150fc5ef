// SPDX-License-Identifier: Apache-2.0
// SHA-256 (FIPS 180-4), random ids and comparison that does not leak through time.
#ifndef NJ_UTIL_DIGEST_H
#define NJ_UTIL_DIGEST_H

#include "util/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    NJ_SHA256_SIZE = 32,
    NJ_SHA256_HEX_SIZE = 65, // with the NUL
};

int nj_sha256(const void *bytes, size_t length, uint8_t out[NJ_SHA256_SIZE]);
int nj_sha256_hex(const void *bytes, size_t length, char out[NJ_SHA256_HEX_SIZE]);

// Reads `fd` from its start to its end in large blocks; *size (may be NULL) gets the bytes read.
int nj_sha256_fd_hex(int fd, char out[NJ_SHA256_HEX_SIZE], int64_t *size, struct nj_error *err);

// `bytes` random bytes as lower-case hex: out holds 2 * bytes + 1. NJ_E_IO if the kernel has none.
int nj_random_hex(char *out, size_t bytes);

// A random UUID (RFC 9562, version 4): "0b5c9d3e-8c1f-4d2a-9b6e-2f0c4a7d1e35".
enum { NJ_UUID_SIZE = 37 }; // with the NUL
int nj_random_uuid(char out[NJ_UUID_SIZE]);

// Time depends on the lengths only.
bool nj_secret_equal(const void *a, size_t a_length, const void *b, size_t b_length);

#endif
