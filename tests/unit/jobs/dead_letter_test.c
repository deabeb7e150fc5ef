// SPDX-License-Identifier: Apache-2.0
// Failure histories grow entry by entry, and the failure record tells all members.
#include "jobs/dead_letter.h"

#include "util/json_reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

int dead_letter_test(void);

static const nj_us noon = 1769256000LL * NJ_US_PER_S; // 2026-01-24T12:00:00Z

static char *history_of(int count)
{
    char *history = NULL;
    for (int i = 1; i <= count; i++) {
        const struct nj_failure failure = {
            .attempt = i,
            .failed_us = noon + (nj_us)i * NJ_US_PER_S,
            .delay_us = i < count ? i * 1100 * (nj_us)NJ_US_PER_MS : 0,
            .error = "no \"answer\"",
            .error_type = "timeout",
        };
        char *longer = nj_failures_append(history, &failure);
        assert_non_null(longer);
        free(history);
        history = longer;
    }
    return history;
}

static void histories_are_counted_and_damaged_ones_start_afresh(void **state)
{
    (void)state;
    assert_int_equal(nj_failures_count(NULL), 0);
    char *history = history_of(3);
    assert_int_equal(nj_failures_count(history), 3);
    free(history);
    assert_int_equal(nj_failures_count("{}"), 0);
    assert_int_equal(nj_failures_count("[{},"), 0);
    history = nj_failures_append("[{},", &(struct nj_failure){.error = "e", .error_type = "io"});
    assert_int_equal(nj_failures_count(history), 1);
    free(history);
}

static json_t *written(const struct nj_letter_row *row)
{
    struct nj_buf buf;
    nj_buf_init(&buf, 1 << 20);
    struct nj_json_writer writer;
    nj_json_init(&writer, &buf);
    nj_letter_write(row, &writer, NULL);
    assert_int_equal(nj_buf_failed(&buf), 0);
    json_t *value = NULL;
    assert_int_equal(nj_json_parse(buf.data, buf.length, buf.limit, &value, NULL), 0);
    nj_buf_finish(&buf);
    return value;
}

static void record_has_every_member_of_a_failure(void **state)
{
    (void)state;
    char *failures = history_of(3);
    const struct nj_letter_context context = {
        .failures = failures, .unique_key = "k", .label = "detection", .depth = 12, .in_flight = 2};
    char payload[] = "{\"camera_id\":\"front\"}";
    struct nj_letter_row row = {
        .id = 5,
        .queue = "detection_queue",
        .reason = "failed",
        .payload = payload,
        .history = nj_letter_history(&context),
        .error = "no \"answer\"",
        .error_type = "timeout",
        .attempts = 3,
        .first_failed_us = noon + NJ_US_PER_S,
        .last_failed_us = noon + 3LL * NJ_US_PER_S,
        .created_us = noon + 3LL * NJ_US_PER_S,
    };
    json_t *record = written(&row);
    json_t *expected =
        json_pack("{s:i,s:s,s:s,s:{s:s},s:s,s:s,s:i,s:s,s:s,s:s,s:[f,f],s:{s:i,s:i}}", "id", 5,
                  "queue_name", "detection_queue", "reason", "failed", "original_job", "camera_id",
                  "front", "error", "no \"answer\"", "error_type", "timeout", "attempt_count", 3,
                  "first_failed_at", "2026-01-24T12:00:01.000000Z", "last_failed_at",
                  "2026-01-24T12:00:03.000000Z", "created_at", "2026-01-24T12:00:03.000000Z",
                  "retry_delays", 1.1, 2.2, "context", "detection_queue_depth", 12, "in_flight", 2);
    assert_non_null(expected);
    assert_int_equal(json_array_size(json_object_get(record, "failures")), 3);
    json_object_del(record, "failures");
    assert_true(json_equal(record, expected));
    char key[129];
    nj_letter_unique_key(row.history, key);
    assert_string_equal(key, "k");
    json_decref(record);
    json_decref(expected);
    free(row.history);
    free(failures);
}

static void record_of_a_broken_payload_shows_it_as_text(void **state)
{
    (void)state;
    char payload[] = "{\"half";
    struct nj_letter_row row = {.queue = "q", .reason = "invalid", .payload = payload};
    json_t *record = written(&row);
    assert_string_equal(json_string_value(json_object_get(record, "original_job")), payload);
    assert_int_equal(json_array_size(json_object_get(record, "retry_delays")), 0);
    assert_true(json_is_array(json_object_get(record, "failures")));
    assert_true(json_is_null(json_object_get(record, "context")));
    json_decref(record);
    char key[129] = "old";
    nj_letter_unique_key(NULL, key);
    assert_string_equal(key, "");
}

static void record_of_a_post_hides_the_secrets_of_its_address(void **state)
{
    (void)state;
    char payload[] = "{\"action\":\"http_post\",\"channel\":"
                     "\"https://u:hunter2@example.org/x?token=hunter3&id=7\",\"message\":\"m\"}";
    char kept[sizeof payload];
    struct nj_letter_row row = {.queue = "q", .reason = "failed", .payload = payload};
    memcpy(kept, payload, sizeof payload);
    json_t *record = written(&row);
    const json_t *job = json_object_get(record, "original_job");
    assert_string_equal(json_string_value(json_object_get(job, "channel")),
                        "https://***@example.org/x?token=***&id=7");
    assert_string_equal(json_string_value(json_object_get(job, "message")), "m");
    assert_string_equal(payload, kept); // which is what a requeue needs
    json_decref(record);
}

static void *take_nothing(size_t bytes)
{
    (void)bytes;
    return NULL;
}

static void record_that_cannot_be_read_without_memory_shows_no_secret(void **state)
{
    (void)state;
    char payload[] = "{\"channel\":\"https://u:hunter2@example.org/x\"}";
    struct nj_letter_row row = {.queue = "q", .reason = "failed", .payload = payload};
    struct nj_buf buf;
    struct nj_json_writer writer;
    nj_buf_init(&buf, 1 << 16);
    nj_json_init(&writer, &buf);
    json_set_alloc_funcs(take_nothing, free);
    nj_letter_write(&row, &writer, NULL);
    json_set_alloc_funcs(malloc, free);
    assert_non_null(buf.data);
    assert_null(strstr(buf.data, "hunter2"));
    assert_non_null(strstr(buf.data, "\"original_job\":null"));
    nj_buf_finish(&buf);
}

int dead_letter_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(histories_are_counted_and_damaged_ones_start_afresh),
        cmocka_unit_test(record_has_every_member_of_a_failure),
        cmocka_unit_test(record_of_a_post_hides_the_secrets_of_its_address),
        cmocka_unit_test(record_that_cannot_be_read_without_memory_shows_no_secret),
        cmocka_unit_test(record_of_a_broken_payload_shows_it_as_text),
    };
    return cmocka_run_group_tests_name("dead_letter", tests, NULL, NULL);
}
