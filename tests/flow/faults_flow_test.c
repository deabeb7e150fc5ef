// SPDX-License-Identifier: Apache-2.0
// The store refuses for a while, or the detector service answers nonsense: nothing is lost, told
// early, or there twice.
#include "net/http_server.h"
#include "tests/fake/await.h"
#include "tests/fake/fake_video.h"
#include "tests/flow/flow_helper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int faults_flow_test(void);

static const nj_us second_us = NJ_US_PER_S;

static void refuse(struct flow *flow, const char *what)
{
    char sql[256];
    (void)snprintf(sql, sizeof sql,
                   "CREATE TRIGGER refused BEFORE %s BEGIN SELECT RAISE(ABORT, 'not now'); END",
                   what);
    flow_sql_run(flow, sql);
}

static void allow(struct flow *flow)
{
    flow_sql_run(flow, "DROP TRIGGER refused");
}

static void rows_that_the_store_refuses_come_with_a_later_try_and_once(void **state)
{
    struct flow *flow = *state;
    flow_start(flow);
    refuse(flow, "INSERT ON detections");
    flow_put_picture(flow, "gate/one.jpg", 1);
    flow_until_logged(flow, "Upload failed; it will be tried again");
    assert_int_equal(flow_sql_int(flow, "SELECT count(*) FROM batches"), 0);
    assert_int_equal(flow_count_messages(flow, "detection.new"), 0);
    allow(flow);
    flow_advance(flow, 10 * second_us);
    flow_until_sql(flow, 1, "SELECT count(*) FROM detections");
    flow_until_quiet(flow);
    assert_int_equal(flow_sql_int(flow, "SELECT sum(detection_count) FROM batches"), 1);
    assert_int_equal(flow_count_messages(flow, "detection.new"), 1);
    assert_int_equal(flow_sql_int(flow, "SELECT count(*) FROM work_items"), 0);
    assert_int_equal(flow_sql_int(flow, "SELECT count(*) FROM dead_letters"), 0);
}

static void refusal_that_cannot_be_noted_is_noted_later(void **state)
{
    struct flow *flow = *state;
    flow_start(flow);
    refuse(flow, "INSERT ON refused_files");
    size_t length = 0;
    char *bytes = flow_make_picture(1, &length);
    memset(bytes + length / 2, 0, length - length / 2);
    flow_put_bytes(flow, "gate/broken.jpg", bytes, length);
    free(bytes);
    flow_until_logged(flow, "Upload failed; it will be tried again");
    assert_int_equal(flow_count_logged(flow, "\"Upload refused\""), 0);
    allow(flow);
    flow_advance(flow, 10 * second_us);
    flow_until_sql(flow, 1, "SELECT count(*) FROM refused_files");
    flow_until_quiet(flow);
    assert_int_equal(flow_count_logged(flow, "\"Upload refused\""), 1);
    assert_int_equal(flow_sql_int(flow, "SELECT count(*) FROM dead_letters"), 0);
}

static void batch_that_cannot_be_closed_is_closed_by_a_later_round(void **state)
{
    struct flow *flow = *state;
    flow_start(flow);
    flow_put_picture(flow, "gate/one.jpg", 1);
    flow_until_sql(flow, 1, "SELECT count(*) FROM detections");
    refuse(flow, "UPDATE ON batches WHEN new.state <> 'open'");
    flow_advance(flow, 60 * second_us);
    flow_until_logged(flow, "Batches could not be closed");
    assert_int_equal(flow_count_messages(flow, "detection.batch"), 0);
    assert_int_equal(flow_sql_int(flow, "SELECT count(*) FROM work_items"), 0);
    allow(flow);
    flow_advance(flow, 60 * second_us);
    flow_until_sql(flow, 1, "SELECT count(*) FROM events");
    flow_until_quiet(flow);
    assert_int_equal(flow_count_messages(flow, "detection.batch"), 1);
    assert_int_equal(flow_sql_int(flow, "SELECT count(*) FROM events"), 1);
}

static void batch_that_the_stop_cannot_close_is_closed_after_the_next_start(void **state)
{
    struct flow *flow = *state;
    flow_start(flow);
    flow_put_picture(flow, "gate/one.jpg", 1);
    flow_until_sql(flow, 1, "SELECT count(*) FROM detections");
    refuse(flow, "UPDATE ON batches WHEN new.state <> 'open'");
    flow_stop(flow);
    assert_int_equal(flow_sql_int(flow, "SELECT count(*) FROM batches WHERE state = 'open'"), 1);
    allow(flow);
    flow_start(flow);
    flow_advance(flow, 60 * second_us);
    flow_until_sql(flow, 1, "SELECT count(*) FROM events");
    flow_until_quiet(flow);
    assert_int_equal(flow_sql_int(flow, "SELECT count(*) FROM events"), 1);
}

static void event_that_cannot_be_stored_is_stored_later_and_told_once(void **state)
{
    struct flow *flow = *state;
    flow_start(flow);
    refuse(flow, "INSERT ON events");
    flow_put_picture(flow, "gate/one.jpg", 1);
    flow_until_sql(flow, 1, "SELECT count(*) FROM detections");
    flow_advance(flow, 31 * second_us); // the batch closes, and the first try fails
    flow_until_sql(flow, 1, "SELECT count(*) FROM work_items WHERE history IS NOT NULL");
    assert_int_equal(flow_count_messages(flow, "event"), 0);
    assert_int_equal(flow_sql_int(flow, "SELECT count(*) FROM batches WHERE state = 'analysed'"),
                     0);
    allow(flow);
    flow_advance(flow, 20 * second_us);
    flow_until_sql(flow, 1, "SELECT count(*) FROM events");
    flow_until_quiet(flow);
    assert_int_equal(flow_count_messages(flow, "event"), 1);
    assert_int_equal(flow_sql_int(flow, "SELECT count(*) FROM batches WHERE state = 'analysed'"),
                     1);
    assert_int_equal(flow_sql_int(flow, "SELECT count(*) FROM work_items"), 0);
}

static bool frames_go_on_until_sql(struct flow *flow, const char *sql)
{
    nj_fake_clock_advance(&flow->clock, 50 * NJ_US_PER_MS);
    return flow_sql_int(flow, sql) > 0;
}

static bool frames_go_on_until_logged(struct flow *flow, const char *text)
{
    nj_fake_clock_advance(&flow->clock, 50 * NJ_US_PER_MS);
    return flow_count_logged(flow, text) > 0;
}

static void live_row_that_the_store_refuses_comes_with_the_next_change(void **state)
{
    struct flow *flow = *state;
    flow_set(flow, "sources.list=[{\"id\":\"yard\",\"name\":\"Yard\",\"kind\":\"null\","
                   "\"path\":\"128x96x1000\",\"fps\":200}]");
    flow_set(flow, "motion.enabled=false");
    flow_set(flow, "stability.min_age_seconds=0");
    flow_set(flow, "stability.update_seconds=0");
    flow_start(flow);
    refuse(flow, "INSERT ON detections");
    flow_until(flow, frames_go_on_until_logged, "A live detection could not be stored");
    assert_int_equal(flow_count_messages(flow, "detection.new"), 0);
    allow(flow);
    flow_until(flow, frames_go_on_until_sql, "SELECT count(*) FROM detections");
    flow_stop(flow);
    // From its first sight on, however late it came; others may have followed.
    assert_int_equal(flow_sql_int(flow, "SELECT detected_us / 1000000 FROM detections WHERE "
                                        "track_id = 1 AND ended_us IS NOT NULL"),
                     1767614400);
    assert_int_equal(flow_count_messages(flow, "detection.new"),
                     flow_sql_int(flow, "SELECT count(DISTINCT track_id) FROM detections"));
}

// A detector service whose answers follow a list.
struct service {
    struct nj_http_server *server;
    const char *const *answers; // the last one again and again
    size_t count, asked;
};

static void serve(struct nj_http_request *request, void *arg)
{
    struct service *service = arg;
    const char *body = "{}";
    if (strcmp(nj_http_method(request), "POST") == 0) {
        const size_t last = service->count - 1;
        body = service->answers[service->asked < last ? service->asked : last];
        service->asked++;
    }
    nj_http_reply(request, &(struct nj_http_reply){.status = 200,
                                                   .content_type = "application/json",
                                                   .body = body,
                                                   .body_length = strlen(body),
                                                   .close = true});
}

static void start_service(struct flow *flow, struct service *service)
{
    const struct nj_http_server_options options = {.host = "127.0.0.1",
                                                   .max_connections = 8,
                                                   .max_head_bytes = 16384,
                                                   .max_body_bytes = 1 << 20,
                                                   .head_timeout_us = 3600 * second_us,
                                                   .body_timeout_us = 3600 * second_us,
                                                   .idle_timeout_us = 3600 * second_us};
    assert_int_equal(nj_http_server_create(flow->loop, &options, serve, service, &service->server),
                     0);
    assert_int_equal(nj_http_server_start(service->server, NULL), 0);
    flow_set(flow, "detect.engine=http");
    flow_set(flow, "detect.http_url=http://127.0.0.1:%d", nj_http_server_port(service->server));
}

static void set_true(void *arg)
{
    *(bool *)arg = true;
}

static void stop_service(struct flow *flow, struct service *service)
{
    bool stopped = false;
    nj_http_server_stop(service->server, 0, set_true, &stopped);
    nj_loop_await(flow->loop, nj_is_set, &stopped, NJ_PATIENCE_US, "the end of the service");
    nj_http_server_destroy(service->server);
}

static void put_clip(struct flow *flow)
{
    char path[NJ_TEMP_PATH_MAX];
    struct video_recipe recipe = {.path = nj_temp_dir_path(&flow->dir, "clip.mp4", path),
                                  .encoder = "mpeg4",
                                  .width = 96,
                                  .height = 96,
                                  .frames = 50,
                                  .fps = 10,
                                  .gop = 5};
    make_video(&recipe);
    FILE *file = fopen(path, "rb");
    char *bytes = malloc(1 << 20);
    assert_true(file != NULL && bytes != NULL);
    const size_t length = fread(bytes, 1, 1 << 20, file);
    (void)fclose(file);
    flow_put_bytes(flow, "gate/clip.mp4", bytes, length);
    free(bytes);
}

// A bad answer is not the end of the clip: what it holds after that place would be lost.
static void clip_with_a_bad_answer_in_its_middle_is_looked_at_again_as_a_whole(void **state)
{
    static const char car[] = "{\"detections\":[{\"class\":\"car\",\"confidence\":0.6,\"bbox\":"
                              "{\"x\":8,\"y\":8,\"width\":40,\"height\":30}}]}";
    static const char *const answers[] = {car, "nonsense", car};
    struct service service = {.answers = answers, .count = 3};
    struct flow *flow = *state;
    char text[256];
    start_service(flow, &service);
    flow_start(flow);
    put_clip(flow);
    flow_until_logged(flow, "Upload failed; it will be tried again");
    flow_advance(flow, 10 * second_us);
    flow_until_sql(flow, 1, "SELECT count(*) FROM detections");
    flow_until_quiet(flow);
    flow_sql_text(flow,
                  "SELECT group_concat(video_offset_ms) FROM (SELECT * FROM detections ORDER BY "
                  "id)",
                  text, sizeof text);
    assert_string_equal(text, "0,2000,4000"); // every 2 s of 5
    flow_stop(flow);
    stop_service(flow, &service);
}

int faults_flow_test(void)
{
#define FLOW_TEST(name) cmocka_unit_test_setup_teardown(name, flow_setup, flow_teardown)
    const struct CMUnitTest tests[] = {
        FLOW_TEST(rows_that_the_store_refuses_come_with_a_later_try_and_once),
        FLOW_TEST(refusal_that_cannot_be_noted_is_noted_later),
        FLOW_TEST(batch_that_cannot_be_closed_is_closed_by_a_later_round),
        FLOW_TEST(batch_that_the_stop_cannot_close_is_closed_after_the_next_start),
        FLOW_TEST(event_that_cannot_be_stored_is_stored_later_and_told_once),
        FLOW_TEST(live_row_that_the_store_refuses_comes_with_the_next_change),
        FLOW_TEST(clip_with_a_bad_answer_in_its_middle_is_looked_at_again_as_a_whole),
    };
    return cmocka_run_group_tests_name("faults flow", tests, NULL, NULL);
}
