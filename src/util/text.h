// SPDX-License-Identifier: Apache-2.0
// Text: copying, UTF-8, numbers, times, hex, base64url, likeness.
#ifndef NJ_UTIL_TEXT_H
#define NJ_UTIL_TEXT_H

#include "util/clock.h"
#include "util/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Copies with a NUL always; returns false when it had to cut (at a UTF-8 character).
bool nj_text_copy(char *out, size_t size, const char *text);

bool nj_text_equal_nocase(const char *a, const char *b); // ASCII case
bool nj_text_ends_with_nocase(const char *text, const char *suffix);

bool nj_utf8_valid(const char *text, size_t length);
// Bytes that are not valid UTF-8, control characters, and those that end a line or turn the order
// of writing, become '?'. For showing foreign names.
void nj_text_printable(char *out, size_t size, const char *text);

// Whole-text number parsing: no blanks before, nothing after. NJ_E_INVALID or NJ_E_TOO_BIG.
int nj_text_to_int(const char *text, int64_t *out);
int nj_text_to_double(const char *text, double *out); // finite, '.' whatever the locale
int nj_text_to_bool(const char *text, bool *out);     // true false 1 0 yes no on off, any case

// ISO 8601 UTC: "2026-01-24T10:30:00.123456Z" (27 characters and a NUL).
enum { NJ_ISO_TIME_SIZE = 32 };
void nj_time_format_iso(nj_us wall_us, char out[NJ_ISO_TIME_SIZE]);
// Accepts a date, date-time with T or blank, 0 to 9 fraction digits, Z or +hh:mm or nothing (UTC).
int nj_time_parse_iso(const char *text, nj_us *out);

void nj_hex_encode(const void *bytes, size_t length, char *out); // 2 * length + 1 bytes
int nj_hex_value(char c); // of one digit, in either case; -1: it is none
// base64url without padding (RFC 4648 section 5). Encode: out holds (length * 4 + 2) / 3 + 1.
void nj_base64url_encode(const void *bytes, size_t length, char *out);
// NJ_E_INVALID on foreign characters or when `size` is too small; *out_length counts bytes.
int nj_base64url_decode(const char *text, void *out, size_t size, size_t *out_length);

// Edits of a letter and swaps of neighbours, for suggestions; texts longer than 64 count as far
// away.
unsigned nj_text_distance(const char *a, const char *b);

// Lower-case id of a folder or camera name: blanks and '-' become '_', everything but [a-z0-9_]
// goes, runs of '_' collapse, ends are stripped. Returns false when nothing is left.
// (`Front Door` -> `front_door`)
bool nj_text_to_id(const char *name, char *out, size_t size);

// Shell-like match of lower-case `name` against `pattern` with '*' and '?'. No backtracking
// blow-up.
bool nj_text_match(const char *pattern, const char *name);

#endif
