// SPDX-License-Identifier: Apache-2.0
// What pipelines saved, through the API: records by table and key, images by key.
#include "http/http_priv.h"
#include "storage/store_records.h"
#include "tests/fake/await.h"
#include "tests/fake/full_disk.h"
#include "tests/fake/redis_server.h"
#include "tests/unit/http/http_helper.h"
#include "util/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int http_records_test(void);

enum { MANY = 5, QUEUE_MAX = 16 };

static int write_record(struct nj_db *db, void *arg, struct nj_error *err)
{
    const char *key = arg;
    const struct nj_foreign_cell cells[] = {
        {.column = "session_id", .kind = NJ_CELL_TEXT, .text = key},
        {.column = "car_brand", .kind = NJ_CELL_TEXT, .text = "Honda \"x\" <b>"},
        {.column = "sure", .kind = NJ_CELL_NUMBER, .number = 0.5},
    };
    const struct nj_foreign_write write = {.kind = NJ_FOREIGN_INSERT,
                                           .table = "car_frontal_info",
                                           .key_column = "session_id",
                                           .cells = cells,
                                           .cell_count = NJ_COUNT_OF(cells)};
    return nj_records_write(db, &write, err);
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "";
}

static void record_is_found_by_table_and_key(void **state)
{
    static const char *const paths[] = {
        "/api/records/car_frontal_info/a%3Ab%20c",
        "/api/records/gas_station_1.car_frontal_info/a:b%20c",
    };
    struct http_fixture *fixture = *state;
    http_write(fixture, write_record, (void *)(uintptr_t) "a:b c");
    for (size_t i = 0; i < NJ_COUNT_OF(paths); i++) {
        json_t *root = http_json(fixture, paths[i], 200);
        assert_string_equal(text_of(root, "table"), "gas_station_1.car_frontal_info");
        assert_string_equal(text_of(root, "key"), "a:b c");
        assert_string_equal(text_of(root, "created_at"), "2026-01-24T10:30:00.000000Z");
        const json_t *columns = json_object_get(root, "columns");
        assert_string_equal(text_of(columns, "car_brand"), "Honda \"x\" <b>");
        assert_string_equal(text_of(columns, "license_type"), "No model available");
        assert_true(json_number_value(json_object_get(columns, "sure")) == 0.5);
        json_decref(root);
    }
    http_expect(http_get(fixture, "/api/records/car_frontal_info/other"), 404, "no such record");
    http_expect(http_get(fixture, "/api/records/other/a%3Ab%20c"), 404, "no such record");
    http_expect(http_get(fixture, "/api/records/x%22;DROP%20TABLE%20y;--/1"), 404, "no such");
}

static void records_are_paged_from_the_newest_without_gaps(void **state)
{
    struct http_fixture *fixture = *state;
    char path[512] = "/api/records/car_frontal_info?limit=2", seen[64] = "";
    for (int i = 0; i < MANY; i++) {
        char key[16];
        snprintf(key, sizeof key, "s%d", i);
        http_write(fixture, write_record, key);
    }
    for (int page = 0; path[0] != '\0'; page++) {
        assert_true(page < MANY);
        json_t *root = http_json(fixture, path, 200);
        const json_t *pagination = json_object_get(root, "pagination");
        assert_int_equal(json_integer_value(json_object_get(pagination, "total")),
                         page == 0 ? MANY : 0);
        size_t index;
        json_t *item;
        json_array_foreach(json_object_get(root, "items"), index, item)
        {
            strcat(seen, text_of(item, "key"));
        }
        bool more = json_is_true(json_object_get(pagination, "has_more"));
        snprintf(path, sizeof path, more ? "/api/records/car_frontal_info?limit=2&cursor=%s" : "%s",
                 text_of(pagination, "next_cursor"));
        json_decref(root);
    }
    assert_string_equal(seen, "s4s3s2s1s0");
    http_expect(http_get(fixture, "/api/records/other"), 200, "\"items\":[]");
    http_expect(http_get(fixture, "/api/records/other?cursor=x"), 400, "cursor");
    http_expect(http_get(fixture, "/api/records/other?limit=501"), 400, "limit");
}

// The fixture with actions that keep everything in the store.
struct saved {
    struct http_fixture *http;
    struct nj_action_options options;
    struct nj_redis_options redis;
    struct nj_foreign_options foreign;
    struct nj_work_queue *queue;
    struct nj_action_runner *runner;
    bool stopped;
    struct nj_redis_server server; // port 0: none
    char url[NJ_REDIS_SERVER_URL_MAX];
};

static int saved_setup(void **state)
{
    struct saved *saved = *state != NULL ? *state : calloc(1, sizeof *saved);
    assert_non_null(saved);
    void *http;
    http_setup(&http);
    saved->http = http;
    const struct nj_work_queue_config queue = {
        .name = "action_queue",
        .metric_label = "action",
        .store = saved->http->store,
        .loop = saved->http->loop,
        .options = {.max_size = QUEUE_MAX, .max_attempts = 3, .lease_us = 60 * NJ_US_PER_S},
    };
    assert_int_equal(nj_work_queue_create(&queue, &saved->queue, NULL), 0);
    saved->options = (struct nj_action_options){.max_image_bytes = 1 << 20,
                                                .max_waiting = QUEUE_MAX,
                                                .retry_us = NJ_US_PER_S,
                                                .breaker_failures = 5,
                                                .breaker_us = NJ_US_PER_S};
    saved->redis = (struct nj_redis_options){.url = saved->server.port != 0 ? saved->url : "",
                                             .connect_us = 5 * NJ_US_PER_S,
                                             .command_us = 5 * NJ_US_PER_S,
                                             .max_waiting = QUEUE_MAX,
                                             .max_waiting_bytes = 1 << 20};
    saved->foreign.url = "";
    const struct nj_action_runner_config config = {.options = &saved->options,
                                                   .redis = &saved->redis,
                                                   .foreign = &saved->foreign,
                                                   .loop = saved->http->loop,
                                                   .store = saved->http->store,
                                                   .media = saved->http->media,
                                                   .bus = saved->http->bus,
                                                   .queue = saved->queue,
                                                   .log = saved->http->log};
    assert_int_equal(nj_action_runner_create(&config, &saved->runner, NULL), 0);
    saved->http->context.actions = saved->runner;
    *state = saved;
    return 0;
}

static void on_stopped(void *arg)
{
    *(bool *)arg = true;
}

static int saved_teardown(void **state)
{
    struct saved *saved = *state;
    void *http = saved->http;
    http_stop_api(saved->http);
    nj_action_runner_stop(saved->runner, 0, on_stopped, &saved->stopped);
    nj_loop_await(saved->http->loop, nj_is_set, &saved->stopped, NJ_PATIENCE_US, "the last action");
    nj_action_runner_destroy(saved->runner);
    nj_work_queue_destroy(saved->queue);
    http_teardown(&http);
    if (saved->server.port != 0)
        nj_redis_server_stop(&saved->server);
    free(saved);
    return 0;
}

// The same beside a Redis server, if there is one.
static int redis_setup(void **state)
{
    struct saved *saved = calloc(1, sizeof *saved);
    assert_non_null(saved);
    if (nj_redis_server_installed()) {
        nj_redis_server_start(&saved->server, NULL);
        nj_redis_server_url(&saved->server, saved->url);
    }
    *state = saved;
    return saved_setup(state);
}

static const char image_bytes[] = "\x89PNG\r\n\x1a\n\0 not much of a picture";
static const char image_key[] = "inference:d1:2025-09-12T22-16-06:4711:f.png";

static int put_image(struct nj_db *db, void *arg, struct nj_error *err)
{
    char replaced[1024];
    return nj_images_put(db, arg, replaced, err);
}

// Saves the image for an hour; its path in `out`.
static void save_image_as(struct saved *saved, const char *key, char out[1024])
{
    const struct nj_media_picture picture = {.camera_id = "pipeline",
                                             .wall_us = nj_wall_us(&saved->http->clock.clock),
                                             .bytes = image_bytes,
                                             .length = sizeof image_bytes,
                                             .png = true};
    assert_int_equal(nj_media_write(saved->http->media, &picture, out, 1024, NULL), 0);
    struct nj_image_row row = {.bytes = sizeof image_bytes, .created_us = picture.wall_us};
    row.expires_us = row.created_us + 3600 * (nj_us)NJ_US_PER_S;
    snprintf(row.key, sizeof row.key, "%s", key);
    snprintf(row.path, sizeof row.path, "%s", out);
    snprintf(row.type, sizeof row.type, "image/png");
    http_write(saved->http, put_image, &row);
}

static void save_image(struct saved *saved, char out[1024])
{
    save_image_as(saved, image_key, out);
}

static void image_is_read_by_its_key_until_its_time_is_over(void **state)
{
    static const char *const paths[] = {
        "/api/images/inference:d1:2025-09-12T22-16-06:4711:f.png",
        "/api/images/inference%3Ad1%3a2025-09-12T22-16-06%3A4711%3Af.png",
    };
    struct saved *saved = *state;
    char path[1024], type[64];
    save_image(saved, path);
    for (size_t i = 0; i < NJ_COUNT_OF(paths); i++) {
        const struct nj_answer *answer = http_get(saved->http, paths[i]);
        assert_int_equal(answer->status, 200);
        assert_int_equal(answer->length, sizeof image_bytes);
        assert_memory_equal(answer->body, image_bytes, sizeof image_bytes);
        assert_string_equal(nj_answer_header(answer, "Content-Type", type, sizeof type),
                            "image/png");
    }
    http_expect(http_get(saved->http, "/api/images/other"), 404, "no image");
    http_expect(http_get(saved->http, "/api/images/a%2Fb"), 400, "");
    nj_fake_clock_advance(&saved->http->clock, 3600 * (nj_us)NJ_US_PER_S);
    http_expect(http_get(saved->http, paths[0]), 404, "its time is over");
}

static void image_is_deleted_with_its_file(void **state)
{
    struct saved *saved = *state;
    char path[1024], url[256];
    struct stat file;
    save_image(saved, path);
    snprintf(url, sizeof url, "/api/images/%s", image_key);
    http_expect(http_ask(saved->http, "DELETE", url, "", NULL), 200, "\"success\":true");
    assert_int_equal(stat(path, &file), -1);
    http_expect(http_ask(saved->http, "DELETE", url, "", NULL), 404, "no image");
    http_expect(http_get(saved->http, url), 404, "no image");
}

static void image_whose_key_has_slashes_is_asked_for_by_query(void **state)
{
    static const char url[] = "/api/images?key=inference%3Ad1/2025-09-12%2F22%3A16%3Ff+%26.png";
    struct saved *saved = *state;
    char path[1024];
    save_image_as(saved, "inference:d1/2025-09-12/22:16?f &.png", path);
    const struct nj_answer *answer = http_get(saved->http, url);
    assert_int_equal(answer->status, 200);
    assert_memory_equal(answer->body, image_bytes, sizeof image_bytes);
    http_expect(http_get(saved->http, "/api/images?key=inference%3Ad1"), 404, "no image");
    http_expect(http_get(saved->http, "/api/images"), 400, "key");
    http_expect(http_get(saved->http, "/api/images?key="), 400, "key");
    http_expect(http_ask(saved->http, "DELETE", url, "", NULL), 200, "\"success\":true");
    http_expect(http_get(saved->http, url), 404, "no image");
}

static void image_that_a_full_disk_cannot_delete_says_so(void **state)
{
    struct saved *saved = *state;
    struct nj_full_disk disk;
    char path[1024], url[256];
    save_image(saved, path);
    snprintf(url, sizeof url, "/api/images/%s", image_key);
    nj_full_disk_begin(&disk, 0);
    const struct nj_answer *answer = http_ask(saved->http, "DELETE", url, "", NULL);
    nj_full_disk_end(&disk);
    http_expect(answer, 503, "The disk of the database is full");
    http_expect(answer, 503, "Make room");
    assert_null(strstr(answer->body, "/tmp"));
    http_expect(http_ask(saved->http, "DELETE", url, "", NULL), 200, "\"success\":true");
}

static void redis_that_is_away_is_told_with_what_to_do(void **state)
{
    struct saved *saved = *state;
    if (!nj_redis_server_installed())
        skip();
    nj_redis_server_kill(&saved->server);
    http_expect(http_get(saved->http, "/api/images/none"), 503, "Redis, where the image may be");
}

static void image_of_a_long_key_is_found(void **state)
{
    struct saved *saved = *state;
    char url[700] = "/api/images/";
    memset(url + strlen(url), 'k', NJ_IMAGE_KEY_SIZE - 1);
    http_expect(http_get(saved->http, url), 404, "no image");
    strcat(url, "k");
    http_expect(http_get(saved->http, url), 404, "");
}

static void command(struct saved *saved, const char *const *words, int count)
{
    size_t lengths[] = {strlen(words[0]), strlen(words[1]), 0, 0};
    for (int i = 2; i < count; i++)
        lengths[i] = strcmp(words[i], image_bytes) == 0 ? sizeof image_bytes : strlen(words[i]);
    redisContext *client = nj_redis_server_client(&saved->server);
    freeReplyObject(redisCommandArgv(client, count, (const char **)(uintptr_t)words, lengths));
    redisFree(client);
}

static void redis_values_that_are_no_images_are_neither_shown_nor_deleted(void **state)
{
    struct saved *saved = *state;
    char url[256];
    if (!nj_redis_server_installed())
        skip();
    command(saved, (const char *const[]){"SET", image_key, image_bytes}, 3);
    command(saved, (const char *const[]){"SET", "session:1", "a token of somebody else"}, 3);
    command(saved, (const char *const[]){"HSET", "hash", "a", "b"}, 4);
    static const char *const others[] = {"/api/images/session:1", "/api/images/hash",
                                         "/api/images/none"};
    for (size_t i = 0; i < NJ_COUNT_OF(others); i++) {
        http_expect(http_get(saved->http, others[i]), 404, "no image");
        http_expect(http_ask(saved->http, "DELETE", others[i], "", NULL), 404, "no image");
    }
    assert_int_equal(nj_redis_server_int(&saved->server, "EXISTS session:1 hash"), 2);
    snprintf(url, sizeof url, "/api/images/%s", image_key);
    const struct nj_answer *answer = http_get(saved->http, url);
    assert_int_equal(answer->status, 200);
    assert_int_equal(answer->length, sizeof image_bytes);
    assert_memory_equal(answer->body, image_bytes, sizeof image_bytes);
    http_expect(http_ask(saved->http, "DELETE", url, "", NULL), 200, "\"success\":true");
    http_expect(http_get(saved->http, url), 404, "no image");
    assert_int_equal(nj_redis_server_int(&saved->server, "DBSIZE"), 2);
}

int http_records_test(void)
{
#define SAVED(name) cmocka_unit_test_setup_teardown(name, saved_setup, saved_teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(record_is_found_by_table_and_key, http_setup,
                                        http_teardown),
        cmocka_unit_test_setup_teardown(records_are_paged_from_the_newest_without_gaps, http_setup,
                                        http_teardown),
        SAVED(image_is_read_by_its_key_until_its_time_is_over),
        SAVED(image_is_deleted_with_its_file),
        SAVED(image_whose_key_has_slashes_is_asked_for_by_query),
        SAVED(image_that_a_full_disk_cannot_delete_says_so),
        SAVED(image_of_a_long_key_is_found),
        cmocka_unit_test_setup_teardown(redis_that_is_away_is_told_with_what_to_do, redis_setup,
                                        saved_teardown),
        cmocka_unit_test_setup_teardown(
            redis_values_that_are_no_images_are_neither_shown_nor_deleted, redis_setup,
            saved_teardown),
    };
    return cmocka_run_group_tests_name("http records", tests, NULL, NULL);
}
