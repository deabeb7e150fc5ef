// SPDX-License-Identifier: Apache-2.0
// Structured log. One sink per process, created by the composition root and handed on; library code
// below the owners of threads returns errors instead of logging.
#ifndef NJ_UTIL_LOG_H
#define NJ_UTIL_LOG_H

#include "util/clock.h"
#include "util/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum nj_log_level { NJ_LOG_DEBUG, NJ_LOG_INFO, NJ_LOG_WARNING, NJ_LOG_ERROR, NJ_LOG_CRITICAL };

enum nj_log_format {
    NJ_LOG_AUTO, // text on a terminal, JSON else
    NJ_LOG_TEXT,
    NJ_LOG_JSON, // one object a line: timestamp level component message source build + fields
};

struct nj_log_options {
    enum nj_log_level level;
    enum nj_log_format format;
    const char *file_path;  // NULL: standard error
    int64_t file_max_bytes; // rotate beyond this
    int file_backup_count;  // path.1 .. path.N are kept
    const char *build;      // build stamp, put in every JSON line
};

struct nj_log; // explicitly thread-safe

struct nj_log_field {
    const char *key;
    enum { NJ_FIELD_TEXT, NJ_FIELD_INT, NJ_FIELD_NUMBER } type;
    const char *text;
    int64_t integer;
    double number;
};

#define NJ_TEXT(k, v)   ((struct nj_log_field){.key = (k), .type = NJ_FIELD_TEXT, .text = (v)})
#define NJ_INT(k, v)    ((struct nj_log_field){.key = (k), .type = NJ_FIELD_INT, .integer = (v)})
#define NJ_NUMBER(k, v) ((struct nj_log_field){.key = (k), .type = NJ_FIELD_NUMBER, .number = (v)})

int nj_log_create(const struct nj_log_options *options, const struct nj_clock *clock,
                  struct nj_log **out, struct nj_error *err);
void nj_log_destroy(struct nj_log *log); // flushes; accepts NULL

// For the whole log: children share the level.
void nj_log_set_level(struct nj_log *log, enum nj_log_level level);
bool nj_log_enabled(const struct nj_log *log, enum nj_log_level level);

// A child that stamps `component` on its lines. Shares the sink, which ends with the last of them.
// A NULL parent gives a NULL child. NJ_E_NOMEM.
int nj_log_child(struct nj_log *parent, const char *component, struct nj_log **out);

// Where a line comes from.
struct nj_log_place {
    const char *file;
    int line;
};

struct nj_log_fields {
    const struct nj_log_field *items;
    size_t count;
};

// `log` NULL discards. `message` is a fixed text ("Batch closed"); what varies goes into fields,
// whose keys are none of the line's own (timestamp level component message source build).
void nj_log_write(struct nj_log *log, enum nj_log_level level, struct nj_log_place place,
                  const char *message, struct nj_log_fields fields);

// A line without fields: nj_log_line(log, NJ_LOG_INFO, "Configuration reloaded").
#define nj_log_line(log, level, message)                                                           \
    nj_log_write((log), (level), (struct nj_log_place){__FILE__, __LINE__}, (message),             \
                 (struct nj_log_fields){NULL, 0})

// nj_log_at(log, NJ_LOG_INFO, "Batch closed", NJ_TEXT("batch_id", id), NJ_INT("count", n));
#define nj_log_at(log, level, message, ...)                                                        \
    nj_log_write((log), (level), (struct nj_log_place){__FILE__, __LINE__}, (message),             \
                 (struct nj_log_fields){(const struct nj_log_field[]){__VA_ARGS__},                \
                                        sizeof((const struct nj_log_field[]){__VA_ARGS__}) /       \
                                            sizeof(struct nj_log_field)})

// Lines as the JSON form has them, newest last, for an in-memory tail (doctor, /api). At most
// `limit` lines of the ring are appended to `out`, each as one JSON object, comma separated.
struct nj_buf;
void nj_log_tail(struct nj_log *log, size_t limit, struct nj_buf *out);

const char *nj_log_level_name(enum nj_log_level level); // "DEBUG" ...

#endif
