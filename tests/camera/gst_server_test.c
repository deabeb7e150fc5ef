// SPDX-License-Identifier: Apache-2.0
// The second server shows FFmpeg what the test camera shows it.
#include "tests/camera/av_client.h"
#include "tests/camera/camera_test.h"
#include "tests/fake/gst_server.h"

#include <libavutil/error.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

int gst_server_test(void);

static int setup(void **state)
{
    static struct nj_gst_server server; // zeroed by its end
    char file[NJ_TEMP_PATH_MAX];
    *state = &server;
    if (nj_gst_server_installed())
        nj_gst_server_start(&server, nj_test_video("small-b", file));
    return 0;
}

static int teardown(void **state)
{
    nj_gst_server_stop(*state);
    return 0;
}

static struct av_client *open_it(const struct nj_gst_server *server)
{
    char url[NJ_GST_SERVER_URL_MAX];
    int error = 0;
    struct av_client *client =
        av_client_open(nj_gst_server_url(server, url), CAMERA_WAIT_MS, &error);
    assert_non_null(client);
    return client;
}

static void gst_server_plays_every_frame_in_order(void **state)
{
    if (!nj_gst_server_installed())
        skip();
    struct av_client *client = open_it(*state);
    assert_int_equal(av_client_read(client, 70, CAMERA_WAIT_MS), 0); // over the file's end
    const struct av_seen *seen = av_client_seen(client);
    assert_int_equal(seen->concealed, 0);
    assert_int_equal(seen->width, 320);
    assert_false(seen->pts_fell);
    assert_true(seen->b_frames > 20);
    assert_in_range(seen->widest_gap_us, 60000, 73000);
    av_client_close(client);
}

static void gst_server_freezes_drops_and_takes_the_next(void **state)
{
    if (!nj_gst_server_installed())
        skip();
    struct av_client *client = open_it(*state);
    assert_int_equal(av_client_read(client, 2, CAMERA_WAIT_MS), 0);
    nj_gst_server_tell(*state, "freeze");
    assert_int_equal(av_client_read(client, 1000, 1000), AVERROR_EXIT);
    nj_gst_server_tell(*state, "unfreeze");
    // The read that was given up may have stood in the middle of a packet: this client is done.
    av_client_close(client);
    client = open_it(*state);
    assert_int_equal(av_client_read(client, 5, CAMERA_WAIT_MS), 0);
    nj_gst_server_tell(*state, "drop");
    int code = av_client_read(client, 1000, CAMERA_WAIT_MS);
    assert_true(code < 0 && code != AVERROR_EXIT);
    av_client_close(client);
    client = open_it(*state);
    assert_int_equal(av_client_read(client, 2, CAMERA_WAIT_MS), 0);
    nj_gst_server_kill(*state);
    code = av_client_read(client, 1000, CAMERA_WAIT_MS);
    assert_true(code < 0 && code != AVERROR_EXIT);
    av_client_close(client);
}

int gst_server_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(gst_server_plays_every_frame_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(gst_server_freezes_drops_and_takes_the_next, setup,
                                        teardown),
    };
    return cmocka_run_group_tests_name("gst_server", tests, NULL, NULL);
}
