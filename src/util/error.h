// SPDX-License-Identifier: Apache-2.0
// Error codes and the error record that the lowest layer which knows fills in.
#ifndef NJ_UTIL_ERROR_H
#define NJ_UTIL_ERROR_H

#include <stdarg.h>

// Functions return 0 or one of these. Out-parameters are untouched on failure.
enum nj_error_code {
    NJ_OK = 0,
    NJ_E_INVALID = -1,      // what the caller or a stranger gave is wrong
    NJ_E_NOT_FOUND = -2,    // the thing named does not exist
    NJ_E_EXISTS = -3,       // the thing to be made exists already
    NJ_E_NOMEM = -4,        // memory could not be had
    NJ_E_IO = -5,           // reading or writing failed; errno text is in the record
    NJ_E_FULL = -6,         // a bounded queue, table or disk has no room; try again later
    NJ_E_TIMEOUT = -7,      // a deadline passed
    NJ_E_CANCELLED = -8,    // the caller's cancel token fired, or the owner is stopping
    NJ_E_CONFLICT = -9,     // compare-and-swap lost: somebody else changed it
    NJ_E_UNAVAILABLE = -10, // a service or breaker does not answer now
    NJ_E_UNSUPPORTED = -11, // understood, and not offered here
    NJ_E_CORRUPT = -12,     // stored or foreign data contradicts its format
    NJ_E_TOO_BIG = -13,     // a limit on size, count or depth was met
    NJ_E_DENIED = -14,      // not allowed
    NJ_E_AGAIN = -15,       // nothing there yet
    NJ_E_INTERNAL = -16     // our own bug, kept from spreading
};

enum { NJ_ERROR_TEXT_MAX = 512 };

struct nj_error {
    int code;                     // enum nj_error_code
    char text[NJ_ERROR_TEXT_MAX]; // what, where and what to do; one line, UTF-8, no secrets
};

// Fills `err` (may be NULL) and returns `code`, so that `return nj_error_set(...)` reads well.
// Control characters that arguments bring are replaced by '?'; the text is cut at a character.
int nj_error_set(struct nj_error *err, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// Puts "prefix: " before the text that stands there and returns the record's code (NJ_E_INTERNAL
// without a record, so that a failure stays one).
int nj_error_prefix(struct nj_error *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

// As nj_error_set, with NJ_E_IO (NJ_E_NOT_FOUND for ENOENT, NJ_E_FULL for ENOSPC and EDQUOT,
// NJ_E_DENIED for EACCES, EPERM and EROFS) and ": <text of errno_value>" at the end.
int nj_error_errno(struct nj_error *err, int errno_value, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#ifdef NJ_ANALYSIS
// A static analyser reads one file at a time: here it learns that these never return success.
static inline int nj_error_negative(int code)
{
    return code < 0 ? code : NJ_E_INTERNAL;
}
#define nj_error_set(...)   nj_error_negative((nj_error_set)(__VA_ARGS__))
#define nj_error_errno(...) nj_error_negative((nj_error_errno)(__VA_ARGS__))
#endif

// Stable lower-case name of a code ("not_found"), for logs, metrics and the API. Never NULL.
const char *nj_error_name(int code);

#endif
