// SPDX-License-Identifier: Apache-2.0
// The test camera's snapshots as curl gets them.
#include "tests/camera/camera_test.h"
#include "util/buf.h"
#include "util/mem.h"

#include <curl/curl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

int snapshot_test(void);

enum { PICTURE_MAX_BYTES = 1024 * 1024, SHORT_MS = 500 };

struct answer {
    CURLcode code;
    long status;
    struct nj_buf body;
};

static size_t take(char *bytes, size_t size, size_t count, void *arg)
{
    struct nj_buf *body = arg;
    nj_buf_append(body, bytes, size * count);
    return nj_buf_failed(body) ? 0 : size * count;
}

struct ask {
    const char *scheme, *credentials, *certificate;
    long auth; // CURLAUTH_
    long timeout_ms;
};

static struct answer get(struct nj_test_camera *camera, const char *name, struct ask ask)
{
    struct answer answer = {0};
    char url[NJ_TEST_CAMERA_URL_MAX];
    nj_buf_init(&answer.body, PICTURE_MAX_BYTES);
    CURL *curl = curl_easy_init();
    assert_non_null(curl);
    nj_test_camera_url(camera, ask.scheme ? ask.scheme : "http", name, NULL, url);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer.body);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, ask.timeout_ms ? ask.timeout_ms : CAMERA_WAIT_MS);
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    if (ask.credentials) {
        curl_easy_setopt(curl, CURLOPT_USERPWD, ask.credentials);
        curl_easy_setopt(curl, CURLOPT_HTTPAUTH, ask.auth);
    }
    if (ask.certificate)
        curl_easy_setopt(curl, CURLOPT_CAINFO, ask.certificate);
    answer.code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer.status);
    curl_easy_cleanup(curl);
    return answer;
}

static bool is_jpeg(const struct nj_buf *body)
{
    return body->length > 1000 && !memcmp(body->data, "\xff\xd8\xff", 3) &&
           !memcmp(body->data + body->length - 2, "\xff\xd9", 2);
}

static void expect_picture(struct answer answer)
{
    assert_int_equal(answer.code, CURLE_OK);
    assert_int_equal(answer.status, 200);
    assert_true(is_jpeg(&answer.body));
    nj_buf_finish(&answer.body);
}

static int setup(void **state)
{
    struct nj_test_camera *camera = camera_start(NULL);
    camera_add(camera,
               (struct nj_test_camera_mount){.name = "cam", .file = "small", .snapshots = true});
    *state = camera;
    return 0;
}

static int teardown(void **state)
{
    nj_test_camera_destroy(*state);
    return 0;
}

static void pictures_follow_each_other(void **state)
{
    struct answer first = get(*state, "cam", (struct ask){0});
    struct answer second = get(*state, "cam", (struct ask){0});
    assert_true(first.body.length != second.body.length ||
                memcmp(first.body.data, second.body.data, first.body.length) != 0);
    expect_picture(first);
    expect_picture(second);
    assert_int_equal(camera_stats(*state, "cam").snapshots, 2);
}

static void frozen_picture_stays_the_same(void **state)
{
    struct nj_test_camera_faults faults = {.snapshot = NJ_TEST_CAMERA_SNAPSHOT_FROZEN};
    assert_int_equal(nj_test_camera_set_faults(*state, "cam", &faults), 0);
    struct answer first = get(*state, "cam", (struct ask){0});
    struct answer second = get(*state, "cam", (struct ask){0});
    assert_int_equal(first.body.length, second.body.length);
    assert_memory_equal(first.body.data, second.body.data, first.body.length);
    expect_picture(first);
    expect_picture(second);
}

static void every_fault_shows(void **state)
{
    static const struct {
        enum nj_test_camera_snapshot fault;
        CURLcode code;
        long status;
    } rows[] = {
        {NJ_TEST_CAMERA_SNAPSHOT_NOT_FOUND, CURLE_OK, 404},
        {NJ_TEST_CAMERA_SNAPSHOT_ERROR, CURLE_OK, 503},
        {NJ_TEST_CAMERA_SNAPSHOT_NOT_PICTURE, CURLE_OK, 200},
        {NJ_TEST_CAMERA_SNAPSHOT_EMPTY, CURLE_OK, 200},
        {NJ_TEST_CAMERA_SNAPSHOT_TRUNCATED, CURLE_PARTIAL_FILE, 200},
        {NJ_TEST_CAMERA_SNAPSHOT_STALLED, CURLE_OPERATION_TIMEDOUT, 200},
        {NJ_TEST_CAMERA_SNAPSHOT_ENDLESS, CURLE_WRITE_ERROR, 200}, // this client's limit
    };
    for (size_t i = 0; i < NJ_COUNT_OF(rows); i++) {
        struct nj_test_camera_faults faults = {.snapshot = rows[i].fault};
        assert_int_equal(nj_test_camera_set_faults(*state, "cam", &faults), 0);
        bool waits = rows[i].fault == NJ_TEST_CAMERA_SNAPSHOT_STALLED;
        struct answer answer = get(*state, "cam", (struct ask){.timeout_ms = waits ? SHORT_MS : 0});
        assert_int_equal(answer.code, rows[i].code);
        assert_int_equal(answer.status, rows[i].status);
        assert_false(answer.body.length && is_jpeg(&answer.body));
        nj_buf_finish(&answer.body);
    }
    assert_int_equal(camera_stats(*state, "cam").snapshots, 0);
}

static void slow_camera_answers_late_or_never(void **state)
{
    struct nj_test_camera_faults faults = {.answer_delay_ms = NJ_TEST_CAMERA_NEVER};
    assert_int_equal(nj_test_camera_set_faults(*state, "cam", &faults), 0);
    struct answer answer = get(*state, "cam", (struct ask){.timeout_ms = SHORT_MS});
    assert_int_equal(answer.code, CURLE_OPERATION_TIMEDOUT);
    assert_int_equal(answer.status, 0);
    nj_buf_finish(&answer.body);
    faults.answer_delay_ms = 50;
    assert_int_equal(nj_test_camera_set_faults(*state, "cam", &faults), 0);
    expect_picture(get(*state, "cam", (struct ask){0}));
}

static void curl_proves_who_it_is(void **state)
{
    static const struct {
        enum nj_test_camera_auth auth;
        long curl;
    } rows[] = {{NJ_TEST_CAMERA_BASIC, CURLAUTH_BASIC},
                {NJ_TEST_CAMERA_DIGEST, CURLAUTH_DIGEST},
                {NJ_TEST_CAMERA_DIGEST_QOP, CURLAUTH_DIGEST},
                {NJ_TEST_CAMERA_DIGEST_SHA256, CURLAUTH_DIGEST}};
    for (size_t i = 0; i < NJ_COUNT_OF(rows); i++) {
        camera_add(*state, (struct nj_test_camera_mount){.name = "shut",
                                                         .file = "small",
                                                         .snapshots = true,
                                                         .auth = rows[i].auth,
                                                         .user = "admin",
                                                         .password = "right"});
        expect_picture(
            get(*state, "shut", (struct ask){.credentials = "admin:right", .auth = rows[i].curl}));
        struct answer answer =
            get(*state, "shut", (struct ask){.credentials = "admin:wrong", .auth = rows[i].curl});
        assert_int_equal(answer.status, 401);
        nj_buf_finish(&answer.body);
        answer = get(*state, "shut", (struct ask){0});
        assert_int_equal(answer.status, 401);
        nj_buf_finish(&answer.body);
        assert_int_equal(camera_stats(*state, "shut").snapshots, 1);
        assert_int_equal(nj_test_camera_remove(*state, "shut"), 0);
    }
}

static void redirect_leads_to_the_other_picture(void **state)
{
    char url[NJ_TEST_CAMERA_URL_MAX];
    nj_test_camera_url(*state, "http", "cam", NULL, url);
    camera_add(*state,
               (struct nj_test_camera_mount){
                   .name = "moved", .file = "small-wide", .snapshots = true, .redirect_to = url});
    expect_picture(get(*state, "moved", (struct ask){0}));
    assert_int_equal(camera_stats(*state, "moved").snapshots, 0);
    assert_int_equal(camera_stats(*state, "cam").snapshots, 1);
    assert_int_equal(nj_test_camera_redirect(*state, "moved", NULL), 0);
    expect_picture(get(*state, "moved", (struct ask){0}));
    assert_int_equal(camera_stats(*state, "moved").snapshots, 1);
}

static void certificate_can_be_checked(void **state)
{
    struct nj_temp_dir dir = {0};
    char path[NJ_TEMP_PATH_MAX];
    nj_temp_dir_init(&dir);
    nj_temp_dir_path(&dir, "camera.pem", path);
    struct answer answer = get(*state, "cam", (struct ask){.scheme = "https"});
    assert_int_equal(answer.code, CURLE_PEER_FAILED_VERIFICATION);
    nj_buf_finish(&answer.body);
    assert_int_equal(nj_test_camera_save_certificate(*state, path, NULL), 0);
    expect_picture(get(*state, "cam", (struct ask){.scheme = "https", .certificate = path}));
    nj_temp_dir_finish(&dir);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int snapshot_test(void)
{
    const struct CMUnitTest tests[] = {
        TEST(pictures_follow_each_other), TEST(frozen_picture_stays_the_same),
        TEST(every_fault_shows),          TEST(slow_camera_answers_late_or_never),
        TEST(curl_proves_who_it_is),      TEST(redirect_leads_to_the_other_picture),
        TEST(certificate_can_be_checked),
    };
    return cmocka_run_group_tests_name("snapshot", tests, NULL, NULL);
}
