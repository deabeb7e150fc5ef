// SPDX-License-Identifier: Apache-2.0
// Append-only JSON writer: keeps commas and nesting itself, escapes texts, replaces invalid UTF-8
// by U+FFFD, and prints numbers so that they read back the same. NaN and infinity become null.
#ifndef NJ_UTIL_JSON_WRITER_H
#define NJ_UTIL_JSON_WRITER_H

#include "util/buf.h"
#include "util/clock.h"

#include <stdbool.h>
#include <stdint.h>

enum { NJ_JSON_WRITER_DEPTH_MAX = 32 };

struct nj_json_writer {
    struct nj_buf *buf; // borrowed
    int depth;
    bool need_comma[NJ_JSON_WRITER_DEPTH_MAX];
};

void nj_json_init(struct nj_json_writer *writer, struct nj_buf *buf);

// `key` is NULL inside arrays and at the top; else the member's name (escaped as well).
void nj_json_object_begin(struct nj_json_writer *writer, const char *key);
void nj_json_object_end(struct nj_json_writer *writer);
void nj_json_array_begin(struct nj_json_writer *writer, const char *key);
void nj_json_array_end(struct nj_json_writer *writer);

void nj_json_text(struct nj_json_writer *writer, const char *key, const char *text); // NULL: null
void nj_json_text_n(struct nj_json_writer *writer, const char *key, const char *text, size_t n);
void nj_json_int(struct nj_json_writer *writer, const char *key, int64_t value);
void nj_json_number(struct nj_json_writer *writer, const char *key, double value);
// `digits` after the point, trailing zeros dropped; for confidences and milliseconds.
void nj_json_fixed(struct nj_json_writer *writer, const char *key, double value, int digits);
void nj_json_bool(struct nj_json_writer *writer, const char *key, bool value);
void nj_json_null(struct nj_json_writer *writer, const char *key);
// ISO 8601 with microseconds and "Z"; a value <= 0 becomes null.
void nj_json_time(struct nj_json_writer *writer, const char *key, nj_us wall_us);
// Text that is JSON already; the caller vouches for it.
void nj_json_raw(struct nj_json_writer *writer, const char *key, const char *json, size_t length);

#endif
