// SPDX-License-Identifier: Apache-2.0
// Structured log: lines as JSON or text, children per component, a bounded tail in memory.
#include "util/log.h"

#include "util/buf.h"
#include "util/json_writer.h"
#include "util/log_sink_priv.h"
#include "util/mem.h"
#include "util/ref.h"
#include "util/text.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    NJ_LOG_LINE_MAX_BYTES = 16 * 1024,
    NJ_LOG_MESSAGE_MAX_BYTES = 2 * 1024, // of a line whose fields did not fit
    NJ_LOG_COMPONENT_SIZE = 64,
    NJ_LOG_TAIL_LINES = 512,
    NJ_LOG_TAIL_BYTES = 1024 * 1024,   // together
    NJ_LOG_FIELD_MAX_BYTES = 2 * 1024, // of one value in the text form
};

struct tail_line {
    char *text; // without line feed
    size_t length;
};

struct shared {
    struct nj_ref ref; // one for each struct nj_log
    const struct nj_clock *clock;
    char *build;
    bool as_text;
    atomic_int level;

    pthread_mutex_t mutex; // protects what follows
    struct nj_log_sink sink;
    struct nj_buf json, text;
    struct tail_line tail[NJ_LOG_TAIL_LINES];
    size_t tail_first, tail_count, tail_bytes;
};

struct nj_log {
    struct shared *shared;
    char component[NJ_LOG_COMPONENT_SIZE];
};

struct line {
    nj_us wall_us;
    enum nj_log_level level;
    const char *component;
    struct nj_log_place place;
    const char *message;
    const struct nj_log_field *fields;
    size_t count;
};

static const char *const level_names[] = {"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"};

const char *nj_log_level_name(enum nj_log_level level)
{
    size_t index = (size_t)level;
    return index < NJ_COUNT_OF(level_names) ? level_names[index] : "UNKNOWN";
}

static void shared_unref(struct shared *shared)
{
    if (!nj_ref_drop(&shared->ref))
        return;
    nj_log_sink_finish(&shared->sink);
    for (size_t i = 0; i < shared->tail_count; i++)
        free(shared->tail[(shared->tail_first + i) % NJ_LOG_TAIL_LINES].text);
    nj_buf_finish(&shared->json);
    nj_buf_finish(&shared->text);
    pthread_mutex_destroy(&shared->mutex);
    free(shared->build);
    free(shared);
}

static bool wants_text(const struct nj_log_options *options)
{
    if (options->format != NJ_LOG_AUTO)
        return options->format == NJ_LOG_TEXT;
    return !options->file_path && isatty(STDERR_FILENO);
}

static int shared_create(const struct nj_log_options *options, const struct nj_clock *clock,
                         struct shared **out, struct nj_error *err)
{
    struct shared *shared = calloc(1, sizeof(*shared));
    if (!shared)
        return nj_error_set(err, NJ_E_NOMEM, "no memory for a log");
    int rc = nj_log_sink_init(&shared->sink, options->file_path, clock, err);
    if (rc)
        goto no_sink;
    rc = NJ_E_NOMEM;
    shared->build = nj_strdup(options->build ? options->build : "");
    if (!shared->build || pthread_mutex_init(&shared->mutex, NULL))
        goto no_mutex;
    shared->sink.max_bytes = options->file_max_bytes;
    shared->sink.backup_count = options->file_backup_count;
    shared->clock = clock;
    shared->as_text = wants_text(options);
    atomic_init(&shared->level, options->level);
    nj_ref_init(&shared->ref);
    nj_buf_init(&shared->json, NJ_LOG_LINE_MAX_BYTES);
    nj_buf_init(&shared->text, NJ_LOG_LINE_MAX_BYTES);
    *out = shared;
    return 0;
no_mutex:
    nj_error_set(err, rc, "no memory for a log");
    free(shared->build);
    nj_log_sink_finish(&shared->sink);
no_sink:
    free(shared);
    return rc;
}

int nj_log_create(const struct nj_log_options *options, const struct nj_clock *clock,
                  struct nj_log **out, struct nj_error *err)
{
    struct nj_log *log = calloc(1, sizeof(*log));
    if (!log)
        return nj_error_set(err, NJ_E_NOMEM, "no memory for a log");
    int rc = shared_create(options, clock, &log->shared, err);
    if (rc) {
        free(log);
        return rc;
    }
    *out = log;
    return 0;
}

int nj_log_child(struct nj_log *parent, const char *component, struct nj_log **out)
{
    struct nj_log *log = NULL;
    if (parent) {
        log = calloc(1, sizeof(*log));
        if (!log)
            return NJ_E_NOMEM;
        log->shared = parent->shared;
        nj_ref_take(&log->shared->ref);
        nj_text_copy(log->component, sizeof(log->component), component);
    }
    *out = log;
    return 0;
}

void nj_log_destroy(struct nj_log *log)
{
    if (!log)
        return;
    shared_unref(log->shared);
    free(log);
}

void nj_log_set_level(struct nj_log *log, enum nj_log_level level)
{
    if (log)
        atomic_store_explicit(&log->shared->level, level, memory_order_relaxed);
}

bool nj_log_enabled(const struct nj_log *log, enum nj_log_level level)
{
    return log && (int)level >= atomic_load_explicit(&log->shared->level, memory_order_relaxed);
}

// The path within the tree; where it was built is nobody's business.
static const char *place_file(const char *file)
{
    const char *name = file;
    const char *in_tree = strstr(file, "src/");
    for (; in_tree; in_tree = strstr(in_tree + 1, "src/")) {
        if (in_tree == file || in_tree[-1] == '/')
            return in_tree + strlen("src/");
    }
    for (const char *at = file; *at; at++) {
        if (*at == '/')
            name = at + 1;
    }
    return name;
}

static void put_json_field(struct nj_json_writer *writer, const struct nj_log_field *field)
{
    if (field->type == NJ_FIELD_INT)
        nj_json_int(writer, field->key, field->integer);
    else if (field->type == NJ_FIELD_NUMBER)
        nj_json_number(writer, field->key, field->number);
    else
        nj_json_text(writer, field->key, field->text);
}

// With `whole` false: without fields and with a bounded message, which always fits.
static void render_json(struct nj_buf *buf, const struct line *line, const char *build, bool whole)
{
    struct nj_json_writer writer;
    char time[NJ_ISO_TIME_SIZE];
    char source[128];
    size_t message_max = whole ? NJ_LOG_LINE_MAX_BYTES : NJ_LOG_MESSAGE_MAX_BYTES;
    nj_buf_reset(buf);
    nj_time_format_iso(line->wall_us, time);
    snprintf(source, sizeof(source), "%s:%d", place_file(line->place.file), line->place.line);
    nj_json_init(&writer, buf);
    nj_json_object_begin(&writer, NULL);
    nj_json_text(&writer, "timestamp", time);
    nj_json_text(&writer, "level", nj_log_level_name(line->level));
    nj_json_text(&writer, "component", line->component);
    nj_json_text_n(&writer, "message", line->message, strnlen(line->message, message_max));
    nj_json_text(&writer, "source", source);
    nj_json_text_n(&writer, "build", build, strnlen(build, NJ_LOG_MESSAGE_MAX_BYTES / 8));
    for (size_t i = 0; whole && i < line->count; i++)
        put_json_field(&writer, &line->fields[i]);
    if (!whole)
        nj_json_bool(&writer, "truncated", true);
    nj_json_object_end(&writer);
}

static void put_text_field(struct nj_buf *buf, const struct nj_log_field *field)
{
    if (field->type == NJ_FIELD_INT) {
        nj_buf_printf(buf, " %s=%lld", field->key, (long long)field->integer);
    } else if (field->type == NJ_FIELD_NUMBER) {
        nj_buf_printf(buf, " %s=%g", field->key, field->number);
    } else {
        char shown[NJ_LOG_FIELD_MAX_BYTES];
        nj_text_printable(shown, sizeof(shown), field->text ? field->text : "-");
        nj_buf_printf(buf, strchr(shown, ' ') ? " %s=\"%s\"" : " %s=%s", field->key, shown);
    }
}

static void render_text(struct nj_buf *buf, const struct line *line, bool whole)
{
    char time[NJ_ISO_TIME_SIZE];
    char message[NJ_LOG_MESSAGE_MAX_BYTES];
    nj_buf_reset(buf);
    nj_time_format_iso(line->wall_us, time);
    nj_text_printable(message, sizeof(message), line->message);
    nj_buf_printf(buf, "%.19s.%.3sZ %-8s ", time, time + 20, nj_log_level_name(line->level));
    if (line->component[0])
        nj_buf_printf(buf, "%s: ", line->component);
    nj_buf_append_text(buf, message);
    for (size_t i = 0; whole && i < line->count; i++)
        put_text_field(buf, &line->fields[i]);
}

static void drop_oldest_locked(struct shared *shared)
{
    struct tail_line *oldest = &shared->tail[shared->tail_first];
    shared->tail_bytes -= oldest->length;
    free(oldest->text);
    shared->tail_first = (shared->tail_first + 1) % NJ_LOG_TAIL_LINES;
    shared->tail_count--;
}

static void keep_locked(struct shared *shared, const char *text, size_t length)
{
    while (shared->tail_count && (shared->tail_count == NJ_LOG_TAIL_LINES ||
                                  shared->tail_bytes + length > NJ_LOG_TAIL_BYTES))
        drop_oldest_locked(shared);
    char *copy = nj_strndup(text, length);
    if (!copy)
        return; // the tail is a convenience; the line itself still goes out
    size_t last = (shared->tail_first + shared->tail_count) % NJ_LOG_TAIL_LINES;
    shared->tail[last] = (struct tail_line){copy, length};
    shared->tail_count++;
    shared->tail_bytes += length;
}

static void write_locked(struct shared *shared, const struct line *line)
{
    render_json(&shared->json, line, shared->build, true);
    if (nj_buf_failed(&shared->json))
        render_json(&shared->json, line, shared->build, false);
    if (nj_buf_failed(&shared->json))
        return;
    keep_locked(shared, shared->json.data, shared->json.length);
    struct nj_buf *shown = &shared->json;
    if (shared->as_text) {
        shown = &shared->text;
        render_text(shown, line, true);
        if (nj_buf_failed(shown))
            render_text(shown, line, false);
    }
    // The limit leaves no room for the line feed when a line fills it: its last byte gives way.
    if (shown->length == NJ_LOG_LINE_MAX_BYTES)
        shown->length--;
    nj_buf_append_char(shown, '\n');
    if (!nj_buf_failed(shown))
        nj_log_sink_write(&shared->sink, shown->data, shown->length);
}

void nj_log_write(struct nj_log *log, enum nj_log_level level, struct nj_log_place place,
                  const char *message, struct nj_log_fields fields)
{
    if (!nj_log_enabled(log, level))
        return;
    struct shared *shared = log->shared;
    struct line line = {
        .level = level,
        .component = log->component,
        .place = place,
        .message = message,
        .fields = fields.items,
        .count = fields.count,
    };
    pthread_mutex_lock(&shared->mutex);
    line.wall_us = nj_wall_us(shared->clock); // under the lock: lines stand in the order of time
    write_locked(shared, &line);
    pthread_mutex_unlock(&shared->mutex);
}

void nj_log_tail(struct nj_log *log, size_t limit, struct nj_buf *out)
{
    if (!log)
        return;
    struct shared *shared = log->shared;
    pthread_mutex_lock(&shared->mutex);
    size_t count = limit < shared->tail_count ? limit : shared->tail_count;
    for (size_t i = shared->tail_count - count; i < shared->tail_count; i++) {
        const struct tail_line *line = &shared->tail[(shared->tail_first + i) % NJ_LOG_TAIL_LINES];
        if (i > shared->tail_count - count)
            nj_buf_append_char(out, ',');
        nj_buf_append(out, line->text, line->length);
    }
    pthread_mutex_unlock(&shared->mutex);
}
