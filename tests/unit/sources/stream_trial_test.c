// SPDX-License-Identifier: Apache-2.0
// A stream is tried out: its first picture, its first error, no word in time, and a change of mind.
#include "sources/stream_trial.h"
#include "tests/unit/sources/streams_helper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int stream_trial_test(void);

enum { SOON_MS = 20000, TRIAL_US = 2 * NJ_US_PER_S };

static const struct nj_source_entry camera = {.id = "cam",
                                              .kind = NJ_SOURCE_NULL,
                                              .path = "64x48x50",
                                              .loop = true,
                                              .paced = true,
                                              .fps = 200,
                                              .max_retries = -1};

struct attempt {
    struct nj_stream_trial trial;
    int told, rc;
    int32_t width, height;
    nj_us took_us;
    bool had_frame;
    struct nj_error error;
};

static void handle_done(struct nj_stream_trial *trial, const struct nj_stream_trial_result *result)
{
    struct attempt *attempt = NJ_CONTAINER_OF(trial, struct attempt, trial);
    attempt->told++;
    attempt->rc = result->rc;
    attempt->error = result->error;
    attempt->width = result->width;
    attempt->height = result->height;
    attempt->took_us = result->took_us;
    attempt->had_frame = result->frame != NULL;
}

static int start(struct nj_hub_bench *bench, const struct nj_source_entry *entry,
                 struct attempt *attempt, struct nj_error *err)
{
    *attempt = (struct attempt){
        .trial = {.loop = bench->loop, .rules = bench->rules, .done = handle_done}};
    return nj_stream_trial_start(&attempt->trial, bench->streams, entry, TRIAL_US, err);
}

static bool is_told(struct nj_hub_user *user, int value)
{
    (void)value;
    return ((struct attempt *)(void *)user)->told > 0;
}

static bool await(struct nj_hub_bench *bench, struct attempt *attempt)
{
    return nj_hub_until(bench, is_told, (struct nj_hub_user *)(void *)attempt, 0, SOON_MS);
}

static void first_picture_ends_the_trial_and_its_use_of_the_stream(void **state)
{
    struct nj_hub_bench bench;
    struct attempt attempt;
    (void)state;
    nj_hub_init(&bench, true);
    bench.options.grace_us = 0;
    assert_int_equal(start(&bench, &camera, &attempt, NULL), 0);
    assert_int_equal(nj_hub_count(&bench), 1);
    assert_true(await(&bench, &attempt));
    assert_int_equal(attempt.rc, 0);
    assert_true(attempt.had_frame);
    assert_int_equal(attempt.width, 64);
    assert_int_equal(attempt.height, 48);
    assert_in_range(attempt.took_us, 0, TRIAL_US);
    assert_null(attempt.trial.private);
    nj_stream_trial_cancel(&attempt.trial); // harmless now
    (void)nj_loop_turn(bench.loop);
    assert_int_equal(attempt.told, 1);
    nj_hub_finish(&bench);
}

static void first_error_of_the_stream_ends_the_trial_with_its_reason(void **state)
{
    static const struct nj_source_entry nobody = {
        .id = "cam", .kind = NJ_SOURCE_RTSP, .url = "rtsp://127.0.0.1:1/", .max_retries = -1};
    struct nj_hub_bench bench;
    struct attempt attempt;
    (void)state;
    nj_hub_init(&bench, true);
    assert_int_equal(start(&bench, &nobody, &attempt, NULL), 0);
    assert_true(await(&bench, &attempt));
    assert_int_equal(attempt.rc, NJ_E_UNAVAILABLE);
    assert_true(attempt.error.text[0] != '\0');
    assert_false(attempt.had_frame);
    nj_hub_finish(&bench);
}

// A stream that waits to be tried again says what it waits for.
static void trial_of_a_failing_stream_tells_its_reason(void **state)
{
    static const struct nj_source_entry nobody = {.id = "cam",
                                                  .kind = NJ_SOURCE_RTSP,
                                                  .url = "rtsp://127.0.0.1:1/",
                                                  .reconnect_us = 600 * (nj_us)NJ_US_PER_S,
                                                  .max_retries = -1};
    struct nj_hub_bench bench;
    struct nj_hub_user user;
    struct attempt attempt;
    (void)state;
    nj_hub_init(&bench, false);
    nj_hub_user_init(&user);
    assert_int_equal(nj_hub_join(&bench, &nobody, 0, &user, NULL), 0);
    assert_true(nj_hub_until(&bench, nj_hub_has_state, &user, NJ_SOURCE_ERROR, SOON_MS));
    assert_int_equal(start(&bench, &nobody, &attempt, NULL), 0);
    nj_fake_clock_advance(&bench.clock, TRIAL_US);
    (void)nj_loop_turn(bench.loop);
    assert_int_equal(attempt.rc, NJ_E_TIMEOUT);
    assert_non_null(strstr(attempt.error.text, "connect"));
    nj_hub_user_finish(&user);
    nj_hub_finish(&bench);
}

// A camera that lets itself be called and says nothing.
static int listen_in_silence(char url[64])
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    (void)snprintf(url, 64, "rtsp://127.0.0.1:%d/", ntohs(address.sin_port));
    return fd;
}

static void silence_ends_in_time_and_not_before(void **state)
{
    struct nj_hub_bench bench;
    struct attempt attempt;
    char url[64];
    (void)state;
    nj_hub_init(&bench, false);
    const int fd = listen_in_silence(url);
    const struct nj_source_entry silent = {
        .id = "cam", .kind = NJ_SOURCE_RTSP, .url = url, .max_retries = -1};
    assert_int_equal(start(&bench, &silent, &attempt, NULL), 0);
    nj_fake_clock_advance(&bench.clock, TRIAL_US - 1);
    (void)nj_loop_turn(bench.loop);
    assert_int_equal(attempt.told, 0);
    nj_fake_clock_advance(&bench.clock, 1);
    (void)nj_loop_turn(bench.loop);
    assert_int_equal(attempt.told, 1);
    assert_int_equal(attempt.rc, NJ_E_TIMEOUT);
    assert_int_equal(attempt.took_us, TRIAL_US);
    close(fd);
    nj_hub_finish(&bench);
}

static void cancelled_trial_ends_within_the_call(void **state)
{
    struct nj_hub_bench bench;
    struct attempt attempt;
    (void)state;
    nj_hub_init(&bench, true);
    for (int i = 0; i < 20; i++) { // a picture may be on its way already
        assert_int_equal(start(&bench, &camera, &attempt, NULL), 0);
        nj_stream_trial_cancel(&attempt.trial);
        assert_int_equal(attempt.told, 1);
        assert_int_equal(attempt.rc, NJ_E_CANCELLED);
        (void)nj_loop_turn(bench.loop);
        assert_int_equal(attempt.told, 1);
    }
    nj_hub_finish(&bench);
}

static void entry_that_no_stream_can_have_is_refused_without_a_word(void **state)
{
    struct nj_hub_bench bench;
    struct attempt attempt;
    struct nj_error err = {0};
    struct nj_source_entry wrong = camera;
    (void)state;
    nj_hub_init(&bench, true);
    wrong.path = "no size";
    assert_true(start(&bench, &wrong, &attempt, &err) < 0);
    assert_true(err.text[0] != '\0');
    (void)nj_loop_turn(bench.loop);
    assert_int_equal(attempt.told, 0);
    assert_int_equal(nj_hub_count(&bench), 0);
    nj_hub_finish(&bench);
}

int stream_trial_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_picture_ends_the_trial_and_its_use_of_the_stream),
        cmocka_unit_test(first_error_of_the_stream_ends_the_trial_with_its_reason),
        cmocka_unit_test(trial_of_a_failing_stream_tells_its_reason),
        cmocka_unit_test(silence_ends_in_time_and_not_before),
        cmocka_unit_test(cancelled_trial_ends_within_the_call),
        cmocka_unit_test(entry_that_no_stream_can_have_is_refused_without_a_word),
    };
    return cmocka_run_group_tests_name("stream trial", tests, NULL, NULL);
}
