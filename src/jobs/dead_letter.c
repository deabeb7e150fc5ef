// SPDX-License-Identifier: Apache-2.0
// Failure histories and letter records as JSON.
#include "jobs/dead_letter.h"

#include "net/address_rules.h"
#include "util/json_reader.h"
#include "util/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    // A history has at most max_attempts entries of some 700 bytes, a letter adds little.
    HISTORY_MAX = 512 * 1024,
    DELAY_DIGITS = 6, // microseconds in seconds
};

static json_t *parse(const char *text, json_type type)
{
    if (!text)
        return NULL;
    json_t *value = NULL;
    if (nj_json_parse(text, strlen(text), HISTORY_MAX, &value, NULL) < 0)
        return NULL;
    if (json_typeof(value) != type) {
        json_decref(value);
        return NULL;
    }
    return value;
}

size_t nj_failures_count(const char *history)
{
    json_t *list = parse(history, JSON_ARRAY);
    size_t count = json_array_size(list); // 0 for NULL
    json_decref(list);
    return count;
}

char *nj_failures_append(const char *history, const struct nj_failure *failure)
{
    struct nj_buf buf;
    nj_buf_init(&buf, HISTORY_MAX);
    struct nj_json_writer writer;
    nj_json_init(&writer, &buf);
    nj_json_array_begin(&writer, NULL);
    json_t *list = parse(history, JSON_ARRAY);
    for (size_t i = 0; i < json_array_size(list); i++) {
        char *text = json_dumps(json_array_get(list, i), JSON_COMPACT | JSON_ENCODE_ANY);
        if (text)
            nj_json_raw(&writer, NULL, text, strlen(text));
        free(text);
    }
    json_decref(list);
    nj_json_object_begin(&writer, NULL);
    nj_json_int(&writer, "attempt", failure->attempt);
    nj_json_time(&writer, "failed_at", failure->failed_us);
    nj_json_text(&writer, "error", failure->error);
    nj_json_text(&writer, "error_type", failure->error_type);
    if (failure->delay_us > 0)
        nj_json_fixed(&writer, "retry_delay", (double)failure->delay_us / NJ_US_PER_S,
                      DELAY_DIGITS);
    nj_json_object_end(&writer);
    nj_json_array_end(&writer);
    char *text = nj_buf_take(&buf, NULL);
    nj_buf_finish(&buf);
    return text;
}

char *nj_letter_history(const struct nj_letter_context *context)
{
    struct nj_buf buf;
    nj_buf_init(&buf, HISTORY_MAX);
    struct nj_json_writer writer;
    nj_json_init(&writer, &buf);
    nj_json_object_begin(&writer, NULL);
    json_t *failures = parse(context->failures, JSON_ARRAY);
    if (failures)
        nj_json_raw(&writer, "failures", context->failures, strlen(context->failures));
    json_decref(failures);
    if (context->unique_key[0])
        nj_json_text(&writer, "unique_key", context->unique_key);
    char name[NJ_QUEUE_NAME_SIZE + sizeof "_queue_depth"];
    snprintf(name, sizeof name, "%.*s_queue_depth", NJ_QUEUE_NAME_SIZE - 1, context->label);
    nj_json_object_begin(&writer, "context");
    nj_json_int(&writer, name, context->depth);
    nj_json_int(&writer, "in_flight", context->in_flight);
    nj_json_object_end(&writer);
    nj_json_object_end(&writer);
    char *text = nj_buf_take(&buf, NULL);
    nj_buf_finish(&buf);
    return text;
}

void nj_letter_unique_key(const char *history, char out[NJ_UNIQUE_KEY_SIZE])
{
    json_t *object = parse(history, JSON_OBJECT);
    const char *key = json_string_value(json_object_get(object, "unique_key"));
    nj_text_copy(out, NJ_UNIQUE_KEY_SIZE, key ? key : "");
    json_decref(object);
}

static void write_value(struct nj_json_writer *writer, const char *key, const json_t *value)
{
    char *text = value ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    if (text)
        nj_json_raw(writer, key, text, strlen(text));
    else
        nj_json_null(writer, key);
    free(text);
}

// An action's address may carry a token: the letter keeps it for the requeue, and shows it to
// nobody. False: there is nothing to hide.
static bool hide_secrets(json_t *job)
{
    const char *address = json_string_value(json_object_get(job, "channel"));
    if (address == NULL || strstr(address, "://") == NULL)
        return false;
    const size_t size = 2 * strlen(address) + sizeof "***@"; // "&pwd=" grows by three stars
    char *shown = malloc(size);
    if (shown != NULL)
        nj_address_redact(address, shown, size);
    if (shown == NULL || json_object_set_new(job, "channel", json_string(shown)) != 0)
        json_object_del(job, "channel");
    free(shown);
    return true;
}

static void write_payload(struct nj_json_writer *writer, const char *payload)
{
    json_t *value = NULL;
    size_t length = payload ? strlen(payload) : 0;
    int rc = nj_json_parse(payload ? payload : "", length, NJ_WORK_PAYLOAD_MAX, &value, NULL);
    if (rc == NJ_E_NOMEM)
        nj_json_null(writer, "original_job"); // as text it would show what is hidden
    else if (rc == 0 && hide_secrets(value))
        write_value(writer, "original_job", value);
    else if (rc == 0)
        nj_json_raw(writer, "original_job", payload, length);
    else
        nj_json_text(writer, "original_job", payload);
    json_decref(value);
}

static void write_history(struct nj_json_writer *writer, const char *history)
{
    json_t *object = parse(history, JSON_OBJECT);
    const json_t *failures = json_object_get(object, "failures");
    nj_json_array_begin(writer, "retry_delays");
    for (size_t i = 0; i < json_array_size(failures); i++) {
        const json_t *delay = json_object_get(json_array_get(failures, i), "retry_delay");
        if (json_is_number(delay))
            nj_json_fixed(writer, NULL, json_number_value(delay), DELAY_DIGITS);
    }
    nj_json_array_end(writer);
    if (failures) {
        write_value(writer, "failures", failures);
    } else {
        nj_json_array_begin(writer, "failures");
        nj_json_array_end(writer);
    }
    write_value(writer, "context", json_object_get(object, "context"));
    json_decref(object);
}

void nj_letter_write(const struct nj_letter_row *row, struct nj_json_writer *writer,
                     const char *key)
{
    nj_json_object_begin(writer, key);
    nj_json_int(writer, "id", row->id);
    nj_json_text(writer, "queue_name", row->queue);
    nj_json_text(writer, "reason", row->reason);
    write_payload(writer, row->payload);
    nj_json_text(writer, "error", row->error);
    nj_json_text(writer, "error_type", row->error_type);
    nj_json_int(writer, "attempt_count", row->attempts);
    nj_json_time(writer, "first_failed_at", row->first_failed_us);
    nj_json_time(writer, "last_failed_at", row->last_failed_us);
    nj_json_time(writer, "created_at", row->created_us);
    write_history(writer, row->history);
    nj_json_object_end(writer);
}
