// SPDX-License-Identifier: Apache-2.0
// The test camera as FFmpeg sees it: what it plays.
#include "tests/camera/camera_test.h"
#include "util/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

int rtsp_camera_test(void);

struct played {
    const char *name, *video;
    enum nj_test_camera_audio audio;
    enum nj_test_camera_auth auth;
    const char *scheme, *host, *credentials;
    int frames;
};

static void play(const struct played *row, struct av_seen *seen)
{
    struct nj_test_camera *camera = camera_start(row->host);
    camera_add(camera, (struct nj_test_camera_mount){.name = "cam",
                                                     .file = row->video,
                                                     .unpaced = true,
                                                     .audio = row->audio,
                                                     .auth = row->auth,
                                                     .user = "admin",
                                                     .password = "pass word:1"});
    char url[NJ_TEST_CAMERA_URL_MAX];
    nj_test_camera_url(camera, row->scheme, "cam", row->credentials, url);
    int error = 0;
    struct av_client *client = av_client_open(url, CAMERA_WAIT_MS, &error);
    if (!client)
        fail_msg("%s: cannot be opened: %d", url, error);
    assert_int_equal(av_client_read(client, row->frames, CAMERA_WAIT_MS), 0);
    if (row->audio != NJ_TEST_CAMERA_SILENT)
        assert_int_equal(av_client_read_audio(client, 5, CAMERA_WAIT_MS), 0);
    *seen = *av_client_seen(client);
    struct nj_test_camera_stats stats;
    assert_int_equal(nj_test_camera_get_stats(camera, "cam", &stats), 0);
    assert_int_equal(stats.connections_ever, 1);
    assert_int_equal(stats.plays, 1);
    assert_int_equal(stats.unauthorized, row->auth == NJ_TEST_CAMERA_OPEN ? 0 : 1);
    av_client_close(client);
    assert_int_equal(nj_test_camera_wait_exactly(camera, "cam", NJ_TEST_CAMERA_CONNECTIONS_NOW, 0,
                                                 CAMERA_WAIT_MS),
                     0);
    nj_test_camera_destroy(camera);
}

static void another_client_decodes_every_frame(void **state)
{
    const struct played *row = *state;
    struct av_seen seen;
    play(row, &seen);
    assert_false(seen.pts_fell);
    assert_true(seen.timed >= seen.frames - 1);
    assert_int_equal(seen.concealed, 0);
    assert_int_equal(seen.width, 320);
    assert_int_equal(seen.height, 180);
    assert_true(seen.key_packets >= seen.packets / 16); // one in 15
    assert_in_range(seen.widest_gap_us, 60000, 73000);  // 15 a second, over the file's end too
    assert_int_equal(seen.b_frames > 0, !strcmp(row->video, "small-b"));
}

static void speed_of_a_paced_camera_is_the_files(void **state)
{
    (void)state;
    struct nj_test_camera *camera = camera_start(NULL);
    camera_add(camera, (struct nj_test_camera_mount){.name = "cam", .file = "small", .speed = 4});
    struct av_client *client = camera_open(camera, "cam");
    nj_us begin = nj_mono_us(nj_clock_real());
    const struct av_seen *seen = av_client_seen(client);
    assert_int_equal(av_client_read(client, 75, CAMERA_WAIT_MS), 0);
    nj_us took = nj_mono_us(nj_clock_real()) - begin;
    nj_us media = seen->last_pts_us - seen->first_pts_us;
    assert_in_range(media, 4800000, 5200000);
    // What the client read while it opened the stream came before: never faster than this.
    assert_true(took > media / 4 - 1000000);
    av_client_close(client);
    nj_test_camera_destroy(camera);
}

#define ROW(title, ...)                                                                            \
    {                                                                                              \
        .name = title, .test_func = another_client_decodes_every_frame,                            \
        .initial_state = &(struct played)                                                          \
        {                                                                                          \
            title, __VA_ARGS__                                                                     \
        }                                                                                          \
    }

int rtsp_camera_test(void)
{
    const struct CMUnitTest tests[] = {
        ROW("plain_stream_goes_on_over_the_end_of_the_file", "small", NJ_TEST_CAMERA_SILENT,
            NJ_TEST_CAMERA_OPEN, "rtsp", NULL, NULL, 150),
        ROW("b_frames_keep_their_order", "small-b", NJ_TEST_CAMERA_SILENT, NJ_TEST_CAMERA_OPEN,
            "rtsp", NULL, NULL, 150),
        ROW("tone_beside_the_video", "small", NJ_TEST_CAMERA_PCMU, NJ_TEST_CAMERA_OPEN, "rtsp",
            NULL, NULL, 100),
        ROW("aac_of_the_file_beside_the_video", "small-audio", NJ_TEST_CAMERA_AAC,
            NJ_TEST_CAMERA_OPEN, "rtsp", NULL, NULL, 100),
        ROW("digest_of_ffmpeg_is_right", "small", NJ_TEST_CAMERA_SILENT, NJ_TEST_CAMERA_DIGEST,
            "rtsp", NULL, "admin:pass%20word%3A1", 20),
        ROW("digest_with_qop_of_ffmpeg_is_right", "small", NJ_TEST_CAMERA_SILENT,
            NJ_TEST_CAMERA_DIGEST_QOP, "rtsp", NULL, "admin:pass%20word%3A1", 20),
        ROW("basic_of_ffmpeg_is_right", "small", NJ_TEST_CAMERA_SILENT, NJ_TEST_CAMERA_BASIC,
            "rtsp", NULL, "admin:pass%20word%3A1", 20),
        ROW("tls_carries_the_same_stream", "small", NJ_TEST_CAMERA_SILENT, NJ_TEST_CAMERA_OPEN,
            "rtsps", NULL, NULL, 20),
        ROW("ipv6_carries_the_same_stream", "small", NJ_TEST_CAMERA_SILENT, NJ_TEST_CAMERA_OPEN,
            "rtsp", "::1", NULL, 20),
        cmocka_unit_test(speed_of_a_paced_camera_is_the_files),
    };
    return cmocka_run_group_tests_name("rtsp_camera", tests, NULL, NULL);
}
