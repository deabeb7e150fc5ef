// SPDX-License-Identifier: Apache-2.0
// What happens inside other people's transactions: putting, completing, dead letters.
#include "jobs/dead_letter.h"
#include "jobs/work_queue_priv.h"
#include "util/text.h"

#include <stdlib.h>
#include <string.h>

static int refuse_full(struct nj_work_queue *queue, struct nj_error *err)
{
    atomic_fetch_add(&queue->rejected, 1);
    if (queue->rejected_total)
        nj_metric_add(queue->rejected_total, 1);
    return nj_error_set(err, NJ_E_FULL, "%s is full: %lld items, QUEUE_MAX_SIZE",
                        queue->config.name, (long long)queue->config.options.max_size);
}

static int write_overflow_letter(struct nj_work_queue *queue, struct nj_db *db,
                                 const struct nj_work_row *row, struct nj_error *err)
{
    struct nj_letter_row letter = {
        .reason = "overflow",
        .error = "queue_overflow",
        .error_type = "full",
        .payload = row->payload,
        .attempts = row->attempts,
        .first_failed_us = row->first_failed_us,
    };
    nj_text_copy(letter.queue, sizeof letter.queue, queue->config.name);
    const struct nj_letter_context context = {
        .failures = row->history,
        .unique_key = row->unique_key,
        .label = queue->config.metric_label,
        .depth = nj_work_count_seen(queue).live,
        .in_flight = (int64_t)atomic_load(&queue->in_flight),
    };
    letter.history = nj_letter_history(&context);
    if (!letter.history)
        return nj_error_set(err, NJ_E_NOMEM, "%s: no memory", queue->config.name);
    int rc = nj_letters_insert(db, &letter, NULL, err);
    free(letter.history);
    return rc;
}

// Makes room for the item `new_id`, which is in the queue already: so a unique key that waits has
// been found before anything else had to go.
static int make_room(struct nj_work_queue *queue, struct nj_db *db, int64_t new_id,
                     struct nj_error *err)
{
    struct nj_work_row row = {0};
    int rc = nj_work_take_oldest(db, queue->config.name, &row, err);
    if (rc == NJ_E_NOT_FOUND)
        rc = refuse_full(queue, err); // cannot be: at least the new one is there
    if (rc < 0)
        return rc;
    struct nj_work_delta change = {.live = -1};
    if (row.id == new_id) {
        rc = refuse_full(queue, err);
    } else if (queue->config.options.overflow == NJ_OVERFLOW_DLQ) {
        change.dead_overflow = 1;
        rc = write_overflow_letter(queue, db, &row, err);
    } else {
        change.dropped = 1;
    }
    nj_work_row_finish(&row);
    return rc < 0 ? rc : nj_work_count(queue, db, &change, err);
}

// However the item comes here, its payload says of which order it is.
static int find_order(const struct nj_work_queue *queue, const char *payload,
                      char out[NJ_ORDER_KEY_SIZE])
{
    json_t *root = NULL;
    if (queue->config.order_member == NULL)
        return 0;
    const int rc = nj_json_parse(payload, strlen(payload), NJ_WORK_PAYLOAD_MAX, &root, NULL);
    const char *key = json_string_value(json_object_get(root, queue->config.order_member));
    if (key != NULL && !nj_text_copy(out, NJ_ORDER_KEY_SIZE, key))
        out[0] = '\0'; // the handler takes no such key either
    json_decref(root);
    return rc == NJ_E_NOMEM ? rc : 0;
}

static int insert(struct nj_work_queue *queue, struct nj_db *db, const struct nj_work_put *put,
                  int64_t *out_id, struct nj_error *err)
{
    struct nj_work_row row = {.priority = put->priority};
    size_t length = strlen(put->payload);
    if (length > NJ_WORK_PAYLOAD_MAX)
        return nj_error_set(err, NJ_E_TOO_BIG, "%s: payload of %zu bytes, at most %d",
                            queue->config.name, length, NJ_WORK_PAYLOAD_MAX);
    nj_text_copy(row.queue, sizeof row.queue, queue->config.name);
    if (put->unique_key && !nj_text_copy(row.unique_key, sizeof row.unique_key, put->unique_key))
        return nj_error_set(err, NJ_E_INVALID, "%s: unique key is longer than %zu bytes",
                            queue->config.name, sizeof row.unique_key - 1);
    row.payload = nj_strndup(put->payload, length);
    if (!row.payload || find_order(queue, put->payload, row.order_key) != 0) {
        nj_work_row_finish(&row);
        return nj_error_set(err, NJ_E_NOMEM, "%s: no memory", queue->config.name);
    }
    int rc = nj_work_insert(db, &row, out_id, err);
    nj_work_row_finish(&row);
    return rc;
}

int nj_work_queue_put_letter(struct nj_work_queue *queue, struct nj_db *db,
                             const struct nj_work_failed *failed, struct nj_error *err)
{
    struct nj_letter_row letter = {
        .reason = "failed",
        .attempts = failed->attempts,
        .first_failed_us = failed->first_failed_us,
        .last_failed_us = nj_db_now_us(db),
    };
    const size_t length = strlen(failed->payload);
    if (length > NJ_WORK_PAYLOAD_MAX)
        return nj_error_set(err, NJ_E_TOO_BIG, "%s: payload of %zu bytes, at most %d",
                            queue->config.name, length, NJ_WORK_PAYLOAD_MAX);
    nj_text_copy(letter.queue, sizeof letter.queue, queue->config.name);
    nj_text_copy(letter.error, sizeof letter.error, failed->why->text);
    nj_text_copy(letter.error_type, sizeof letter.error_type, nj_error_name(failed->why->code));
    const struct nj_letter_context context = {
        .unique_key = "",
        .label = queue->config.metric_label,
        .depth = nj_work_count_seen(queue).live,
        .in_flight = (int64_t)atomic_load(&queue->in_flight),
    };
    letter.history = nj_letter_history(&context);
    letter.payload = nj_strndup(failed->payload, length);
    int rc = letter.history != NULL && letter.payload != NULL
                 ? nj_letters_insert(db, &letter, NULL, err)
                 : nj_error_set(err, NJ_E_NOMEM, "%s: no memory", queue->config.name);
    nj_letter_row_finish(&letter);
    return rc < 0 ? rc
                  : nj_work_count(queue, db, &(struct nj_work_delta){.dead_failed = 1, .failed = 1},
                                  err);
}

bool nj_work_queue_is_full(struct nj_work_queue *queue)
{
    return nj_work_count_seen(queue).live >= queue->config.options.max_size;
}

int nj_work_queue_put(struct nj_work_queue *queue, struct nj_db *db, const struct nj_work_put *put,
                      struct nj_error *err)
{
    const struct nj_work_queue_options *options = &queue->config.options;
    bool full = nj_work_queue_is_full(queue);
    if (full && options->overflow == NJ_OVERFLOW_REJECT)
        return refuse_full(queue, err);
    int64_t id = 0;
    int rc = insert(queue, db, put, &id, err);
    if (rc < 0)
        return rc;
    if (full)
        rc = make_room(queue, db, id, err);
    return rc < 0 ? rc
                  : nj_work_count(queue, db, &(struct nj_work_delta){.live = 1, .put = 1}, err);
}

int nj_work_queue_complete(struct nj_work_queue *queue, struct nj_db *db,
                           const struct nj_work_item *item, struct nj_error *err)
{
    int rc = nj_work_delete(db, item->id, item->fence, err);
    return rc < 0
               ? rc
               : nj_work_count(queue, db, &(struct nj_work_delta){.live = -1, .completed = 1}, err);
}

static bool is_overflow(const char *reason)
{
    return strcmp(reason, "overflow") == 0;
}

static int oldest_letter(struct nj_work_queue *queue, struct nj_db *db, int64_t *out_id,
                         struct nj_error *err)
{
    const struct nj_letter_filter filter = {.queue = queue->config.name, .limit = 1};
    struct nj_letter_page page = {0};
    int rc = nj_letters_list(db, &filter, &page, err);
    if (rc < 0)
        return rc;
    if (page.count)
        *out_id = page.rows[0].id;
    else
        rc = nj_error_set(err, NJ_E_NOT_FOUND, "%s has no dead letters", queue->config.name);
    nj_letter_page_finish(&page);
    return rc;
}

static int put_back(struct nj_work_queue *queue, struct nj_db *db,
                    const struct nj_letter_row *letter, struct nj_error *err)
{
    if (strcmp(letter->queue, queue->config.name) != 0)
        return nj_error_set(err, NJ_E_NOT_FOUND, "dead letter %lld is not of %s",
                            (long long)letter->id, queue->config.name);
    if (nj_work_count_seen(queue).live >= queue->config.options.max_size)
        return refuse_full(queue, err);
    char unique_key[NJ_UNIQUE_KEY_SIZE];
    nj_letter_unique_key(letter->history, unique_key);
    const struct nj_work_put put = {
        .payload = letter->payload,
        .unique_key = unique_key[0] ? unique_key : NULL,
    };
    int64_t id = 0;
    int rc = insert(queue, db, &put, &id, err);
    if (rc == 0)
        rc = nj_letters_delete(db, letter->id, err);
    if (rc < 0)
        return rc;
    struct nj_work_delta change = {.live = 1, .put = 1};
    if (is_overflow(letter->reason))
        change.dead_overflow = -1;
    else
        change.dead_failed = -1;
    return nj_work_count(queue, db, &change, err);
}

int nj_work_queue_requeue(struct nj_work_queue *queue, struct nj_db *db, int64_t letter_id,
                          struct nj_error *err)
{
    int rc = letter_id ? 0 : oldest_letter(queue, db, &letter_id, err);
    struct nj_letter_row letter = {0};
    if (rc == 0)
        rc = nj_letters_get(db, letter_id, &letter, err);
    if (rc == 0) {
        rc = put_back(queue, db, &letter, err);
        nj_letter_row_finish(&letter);
    }
    return rc;
}

int nj_work_queue_purge(struct nj_work_queue *queue, struct nj_db *db, const char *reason,
                        int64_t *out_deleted, struct nj_error *err)
{
    int64_t failed = 0, overflow = 0, failed_left = 0, overflow_left = 0;
    const char *name = queue->config.name;
    int rc = nj_letters_counts(db, name, &failed, &overflow, err);
    int64_t deleted = 0;
    if (rc == 0)
        rc = nj_letters_purge(db, name, reason, &deleted, err);
    if (rc == 0)
        rc = nj_letters_counts(db, name, &failed_left, &overflow_left, err);
    if (rc < 0)
        return rc;
    const struct nj_work_delta change = {
        .dead_failed = failed_left - failed,
        .dead_overflow = overflow_left - overflow,
    };
    rc = nj_work_count(queue, db, &change, err);
    if (rc == 0)
        *out_deleted = deleted;
    return rc;
}
