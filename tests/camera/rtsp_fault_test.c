// SPDX-License-Identifier: Apache-2.0
// The test camera's faults as FFmpeg meets them.
#include "tests/camera/camera_test.h"
#include "util/clock.h"
#include "util/mem.h"

#include <errno.h>
#include <libavutil/error.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

int rtsp_fault_test(void);

enum { QUIET_MS = 300 }; // long enough for a frame that should not come

static int setup(void **state)
{
    struct nj_test_camera *camera = camera_start(NULL);
    camera_add(camera, (struct nj_test_camera_mount){.name = "cam", .file = "small", .speed = 8});
    *state = camera;
    return 0;
}

static int teardown(void **state)
{
    nj_test_camera_destroy(*state);
    return 0;
}

static void set(struct nj_test_camera *camera, struct nj_test_camera_faults faults)
{
    assert_int_equal(nj_test_camera_set_faults(camera, "cam", &faults), 0);
}

// FFmpeg may open a stream by its description alone.
static void no_frame_comes(struct nj_test_camera *camera)
{
    char url[NJ_TEST_CAMERA_URL_MAX];
    int error = 0;
    struct av_client *client =
        av_client_open(nj_test_camera_url(camera, "rtsp", "cam", NULL, url), QUIET_MS, &error);
    if (client)
        assert_true(av_client_read(client, 1, QUIET_MS) < 0);
    av_client_close(client);
}

static void wrong_descriptions_cannot_be_opened(void **state)
{
    static const enum nj_test_camera_sdp kinds[] = {
        NJ_TEST_CAMERA_SDP_EMPTY, NJ_TEST_CAMERA_SDP_GARBAGE, NJ_TEST_CAMERA_SDP_HTML,
        NJ_TEST_CAMERA_SDP_NO_VIDEO, NJ_TEST_CAMERA_SDP_UNKNOWN_CODEC};
    for (size_t i = 0; i < NJ_COUNT_OF(kinds); i++) {
        set(*state, (struct nj_test_camera_faults){.sdp = kinds[i]});
        if (!camera_open_error(*state, "cam", NULL, 500))
            fail_msg("description %d was taken", (int)kinds[i]);
    }
}

static void wrong_payload_type_brings_no_picture(void **state)
{
    set(*state, (struct nj_test_camera_faults){.sdp = NJ_TEST_CAMERA_SDP_WRONG_PAYLOAD});
    no_frame_comes(*state);
    assert_true(camera_stats(*state, "cam").packets > 0);
}

static void parameter_sets_in_band_are_enough(void **state)
{
    static const enum nj_test_camera_sdp kinds[] = {NJ_TEST_CAMERA_SDP_NO_SPROP,
                                                    NJ_TEST_CAMERA_SDP_BAD_SPROP};
    for (size_t i = 0; i < NJ_COUNT_OF(kinds); i++) {
        set(*state, (struct nj_test_camera_faults){.sdp = kinds[i]});
        struct av_client *client = camera_open(*state, "cam");
        assert_int_equal(av_client_read(client, 5, CAMERA_WAIT_MS), 0);
        av_client_close(client);
    }
}

static void huge_description_is_sent_whole(void **state)
{
    set(*state, (struct nj_test_camera_faults){.sdp = NJ_TEST_CAMERA_SDP_HUGE});
    (void)camera_open_error(*state, "cam", NULL, CAMERA_WAIT_MS); // FFmpeg's matter
    assert_true(camera_stats(*state, "cam").bytes > 8 * 1024 * 1024);
}

static void statuses_are_ffmpegs_errors(void **state)
{
    set(*state, (struct nj_test_camera_faults){.describe_status = 404});
    assert_int_equal(camera_open_error(*state, "cam", NULL, CAMERA_WAIT_MS),
                     AVERROR_HTTP_NOT_FOUND);
    set(*state, (struct nj_test_camera_faults){.describe_status = 503});
    assert_int_equal(camera_open_error(*state, "cam", NULL, CAMERA_WAIT_MS),
                     AVERROR_HTTP_SERVER_ERROR);
    set(*state, (struct nj_test_camera_faults){.setup_status = 461});
    assert_int_not_equal(camera_open_error(*state, "cam", NULL, CAMERA_WAIT_MS), 0);
    assert_int_equal(camera_stats(*state, "cam").plays, 0);
    assert_int_equal(camera_open_error(*state, "nobody", NULL, CAMERA_WAIT_MS),
                     AVERROR_HTTP_NOT_FOUND);
}

static void answers_wait_as_long_as_told(void **state)
{
    set(*state, (struct nj_test_camera_faults){.answer_delay_ms = 60});
    nj_us begin = nj_mono_us(nj_clock_real());
    av_client_close(camera_open(*state, "cam"));
    // OPTIONS, DESCRIBE, SETUP, PLAY
    assert_true(nj_mono_us(nj_clock_real()) - begin >= 4 * 60 * NJ_US_PER_MS);
}

static void no_answer_comes_until_the_fault_ends(void **state)
{
    set(*state, (struct nj_test_camera_faults){.answer_delay_ms = NJ_TEST_CAMERA_NEVER});
    assert_int_not_equal(camera_open_error(*state, "cam", NULL, QUIET_MS), 0);
    assert_int_equal(camera_stats(*state, "cam").describes, 0);
    set(*state, (struct nj_test_camera_faults){0});
    av_client_close(camera_open(*state, "cam"));
}

static void wrong_password_is_refused(void **state)
{
    static const enum nj_test_camera_auth kinds[] = {NJ_TEST_CAMERA_BASIC, NJ_TEST_CAMERA_DIGEST,
                                                     NJ_TEST_CAMERA_DIGEST_QOP,
                                                     NJ_TEST_CAMERA_DIGEST_SHA256};
    for (size_t i = 0; i < NJ_COUNT_OF(kinds); i++) {
        char name[8];
        snprintf(name, sizeof(name), "auth%zu", i);
        camera_add(*state, (struct nj_test_camera_mount){.name = name,
                                                         .file = "small",
                                                         .auth = kinds[i],
                                                         .user = "admin",
                                                         .password = "right"});
        assert_int_equal(camera_open_error(*state, name, "admin:wrong", CAMERA_WAIT_MS),
                         AVERROR_HTTP_UNAUTHORIZED);
        assert_int_equal(camera_open_error(*state, name, NULL, CAMERA_WAIT_MS),
                         AVERROR_HTTP_UNAUTHORIZED);
        assert_int_equal(camera_stats(*state, name).describes, 0);
    }
}

static void lost_packets_leave_holes(void **state)
{
    camera_add(*state, (struct nj_test_camera_mount){.name = "lossy",
                                                     .file = "small",
                                                     .unpaced = true,
                                                     .faults = {.lose_every = 10}});
    struct av_client *client = camera_open(*state, "lossy");
    assert_int_equal(av_client_read(client, 100, CAMERA_WAIT_MS), 0);
    assert_true(av_client_seen(client)->concealed > 0 ||
                av_client_seen(client)->widest_gap_us > 100000);
    av_client_close(client);
    struct nj_test_camera_stats stats = camera_stats(*state, "lossy");
    assert_in_range(stats.packets / stats.packets_lost, 8, 10);
}

static void corrupt_packets_reach_the_decoder(void **state)
{
    camera_add(*state, (struct nj_test_camera_mount){.name = "noisy",
                                                     .file = "small",
                                                     .unpaced = true,
                                                     .faults = {.corrupt_every = 5}});
    struct av_client *client = camera_open(*state, "noisy");
    assert_int_equal(av_client_read(client, 50, CAMERA_WAIT_MS), 0);
    assert_true(av_client_seen(client)->concealed > 0 ||
                av_client_seen(client)->packets > av_client_seen(client)->frames);
    av_client_close(client);
    assert_true(camera_stats(*state, "noisy").packets_corrupt > 0);
}

static void play_may_begin_between_keyframes(void **state)
{
    set(*state,
        (struct nj_test_camera_faults){.join_mid_gop = true, .sdp = NJ_TEST_CAMERA_SDP_NO_SPROP});
    // Without parameter sets in the description, FFmpeg's probing needs the next keyframe.
    struct av_client *client = camera_open(*state, "cam");
    assert_int_equal(av_client_read(client, 1, CAMERA_WAIT_MS), 0);
    const struct av_seen *seen = av_client_seen(client);
    assert_true(seen->packets > seen->key_packets + 10);
    av_client_close(client);
}

static void dropped_connection_ends_and_the_next_is_welcome(void **state)
{
    struct av_client *client = camera_open(*state, "cam");
    assert_int_equal(av_client_read(client, 2, CAMERA_WAIT_MS), 0);
    assert_int_equal(nj_test_camera_drop(*state, "cam"), 0);
    assert_int_equal(camera_stats(*state, "cam").connections_now, 0);
    int code = av_client_read(client, 1000, CAMERA_WAIT_MS);
    assert_true(code < 0 && code != AVERROR_EXIT);
    av_client_close(client);
    client = camera_open(*state, "cam");
    assert_int_equal(av_client_read(client, 2, CAMERA_WAIT_MS), 0);
    assert_int_equal(camera_stats(*state, "cam").connections_ever, 2);
    av_client_close(client);
}

static void frozen_camera_keeps_its_connection_and_sends_no_picture(void **state)
{
    struct av_client *client = camera_open(*state, "cam");
    assert_int_equal(av_client_read(client, 2, CAMERA_WAIT_MS), 0);
    assert_int_equal(nj_test_camera_freeze(*state, "cam", true), 0);
    struct nj_test_camera_stats before = camera_stats(*state, "cam");
    assert_int_equal(av_client_read(client, 1000, 1500), AVERROR_EXIT);
    struct nj_test_camera_stats after = camera_stats(*state, "cam");
    assert_int_equal(after.frames, before.frames);
    assert_true(after.bytes > before.bytes); // reports
    assert_int_equal(after.playing_now, 1);
    assert_int_equal(nj_test_camera_freeze(*state, "cam", false), 0);
    assert_int_equal(av_client_read(client, 5, CAMERA_WAIT_MS), 0);
    assert_true(av_client_seen(client)->widest_gap_us > 1000000);
    assert_int_equal(av_client_seen(client)->concealed, 0);
    av_client_close(client);
}

static void frozen_before_play_sends_nothing(void **state)
{
    set(*state, (struct nj_test_camera_faults){.frozen = true});
    no_frame_comes(*state);
    assert_int_equal(camera_stats(*state, "cam").plays, 1);
    assert_int_equal(camera_stats(*state, "cam").frames, 0);
}

static void rebooting_camera_refuses_to_be_connected_and_comes_back(void **state)
{
    struct av_client *client = camera_open(*state, "cam");
    int port = nj_test_camera_port(*state);
    assert_int_equal(nj_test_camera_reboot(*state, NULL, 300), 0);
    nj_us begin = nj_mono_us(nj_clock_real());
    assert_int_equal(camera_open_error(*state, "cam", NULL, CAMERA_WAIT_MS), AVERROR(ECONNREFUSED));
    assert_true(av_client_read(client, 1000, CAMERA_WAIT_MS) < 0);
    av_client_close(client);
    while (camera_open_error(*state, "cam", NULL, CAMERA_WAIT_MS) &&
           nj_mono_us(nj_clock_real()) - begin < CAMERA_WAIT_MS * 1000LL)
        continue;
    nj_us took = nj_mono_us(nj_clock_real()) - begin;
    assert_in_range(took, 290000, 3000000);
    assert_int_equal(nj_test_camera_port(*state), port);
    assert_int_equal(camera_stats(*state, "cam").plays, 2);
}

static void rebooting_mount_closes_who_names_it_and_leaves_the_others(void **state)
{
    camera_add(*state, (struct nj_test_camera_mount){.name = "other", .file = "small", .speed = 8});
    struct av_client *other = camera_open(*state, "other");
    assert_int_equal(nj_test_camera_reboot(*state, "cam", 60000), 0);
    assert_int_not_equal(camera_open_error(*state, "cam", NULL, CAMERA_WAIT_MS), 0);
    assert_int_equal(av_client_read(other, 10, CAMERA_WAIT_MS), 0);
    assert_int_equal(nj_test_camera_reboot(*state, "cam", 0), 0);
    av_client_close(camera_open(*state, "cam"));
    av_client_close(other);
}

static void switched_mount_changes_size_within_the_connection(void **state)
{
    char file[NJ_TEMP_PATH_MAX];
    struct nj_error err = {0};
    struct av_client *client = camera_open(*state, "cam");
    assert_int_equal(av_client_read(client, 5, CAMERA_WAIT_MS), 0);
    assert_int_equal(nj_test_camera_switch(*state, "cam", nj_test_video("small-wide", file), &err),
                     0);
    const struct av_seen *seen = av_client_seen(client);
    while (seen->width == 320)
        assert_int_equal(av_client_read(client, 1, CAMERA_WAIT_MS), 0);
    assert_int_equal(av_client_read(client, 5, CAMERA_WAIT_MS), 0);
    assert_int_equal(seen->width, 640);
    assert_int_equal(seen->width_changes, 1);
    assert_false(seen->pts_fell);
    assert_int_equal(camera_stats(*state, "cam").connections_ever, 1);
    assert_int_equal(nj_test_camera_switch(*state, "cam", "/nowhere.mp4", &err), NJ_E_NOT_FOUND);
    av_client_close(client);
}

static void redirect_leads_to_the_other_mount(void **state)
{
    char url[NJ_TEST_CAMERA_URL_MAX];
    camera_add(*state, (struct nj_test_camera_mount){
                           .name = "moved",
                           .file = "small-wide",
                           .redirect_to = nj_test_camera_url(*state, "rtsp", "cam", NULL, url)});
    struct av_client *client = camera_open(*state, "moved");
    assert_int_equal(av_client_read(client, 2, CAMERA_WAIT_MS), 0);
    assert_int_equal(av_client_seen(client)->width, 320);
    assert_int_equal(camera_stats(*state, "moved").plays, 0);
    assert_int_equal(camera_stats(*state, "cam").plays, 1);
    av_client_close(client);
}

static void removed_mount_is_not_found(void **state)
{
    struct av_client *client = camera_open(*state, "cam");
    assert_int_equal(nj_test_camera_remove(*state, "cam"), 0);
    assert_true(av_client_read(client, 1000, CAMERA_WAIT_MS) < 0);
    av_client_close(client);
    assert_int_equal(camera_open_error(*state, "cam", NULL, CAMERA_WAIT_MS),
                     AVERROR_HTTP_NOT_FOUND);
    assert_int_equal(nj_test_camera_remove(*state, "cam"), NJ_E_NOT_FOUND);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int rtsp_fault_test(void)
{
    const struct CMUnitTest tests[] = {
        TEST(wrong_descriptions_cannot_be_opened),
        TEST(wrong_payload_type_brings_no_picture),
        TEST(parameter_sets_in_band_are_enough),
        TEST(huge_description_is_sent_whole),
        TEST(statuses_are_ffmpegs_errors),
        TEST(answers_wait_as_long_as_told),
        TEST(no_answer_comes_until_the_fault_ends),
        TEST(wrong_password_is_refused),
        TEST(lost_packets_leave_holes),
        TEST(corrupt_packets_reach_the_decoder),
        TEST(play_may_begin_between_keyframes),
        TEST(dropped_connection_ends_and_the_next_is_welcome),
        TEST(frozen_camera_keeps_its_connection_and_sends_no_picture),
        TEST(frozen_before_play_sends_nothing),
        TEST(rebooting_camera_refuses_to_be_connected_and_comes_back),
        TEST(rebooting_mount_closes_who_names_it_and_leaves_the_others),
        TEST(switched_mount_changes_size_within_the_connection),
        TEST(redirect_leads_to_the_other_mount),
        TEST(removed_mount_is_not_found),
    };
    return cmocka_run_group_tests_name("rtsp_fault", tests, NULL, NULL);
}
