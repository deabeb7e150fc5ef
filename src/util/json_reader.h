// SPDX-License-Identifier: Apache-2.0
// Strict reading of foreign JSON (RFC 8259) on top of jansson: duplicate keys, bad UTF-8, \u0000
// and trailing bytes are refused, depth and size are limited.
#ifndef NJ_UTIL_JSON_READER_H
#define NJ_UTIL_JSON_READER_H

#include "util/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    NJ_JSON_DEPTH_MAX = 64,
};

// Parses `length` bytes. The caller owns *out (json_decref). Errors: NJ_E_INVALID with member, line
// and column ("a[3].b: bad JSON at ..."), also for what JSON has and we do not (integers beyond 64
// bits, numbers beyond a double, \u0000), NJ_E_TOO_BIG beyond `limit` bytes or NJ_JSON_DEPTH_MAX
// levels, NJ_E_NOMEM.
int nj_json_parse(const char *text, size_t length, size_t limit, json_t **out,
                  struct nj_error *err);

// Reads a whole file; the error names the path.
int nj_json_parse_file(const char *path, size_t limit, json_t **out, struct nj_error *err);

// Typed member access. A missing member or JSON null leaves *out as it is and returns 0 when
// `required` is false. Wrong type: NJ_E_INVALID naming the key. Texts are borrowed from `object`.
int nj_json_get_text(const json_t *object, const char *key, bool required, const char **out,
                     struct nj_error *err);
int nj_json_get_int(const json_t *object, const char *key, bool required, int64_t *out,
                    struct nj_error *err);
int nj_json_get_number(const json_t *object, const char *key, bool required, double *out,
                       struct nj_error *err);
int nj_json_get_bool(const json_t *object, const char *key, bool required, bool *out,
                     struct nj_error *err);

#endif
