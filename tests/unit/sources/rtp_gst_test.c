// SPDX-License-Identifier: Apache-2.0
// Video as gst-rtsp-server packs it, from connecting to decoded pictures.
#include "tests/fake/gst_server.h"
#include "tests/fake/test_video.h"
#include "tests/unit/sources/streams_helper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

int rtp_gst_test(void);

enum { SOON_MS = 20000, PICTURES = 30 };

static void see_pictures_of(const char *video)
{
    struct nj_gst_server server = {.pid = 0};
    struct nj_hub_bench hub;
    struct nj_hub_user user;
    struct nj_source_stats stats;
    char file[NJ_TEMP_PATH_MAX], url[NJ_GST_SERVER_URL_MAX];
    const struct nj_source_entry entry = {
        .id = "cam", .kind = NJ_SOURCE_RTSP, .url = url, .max_retries = 0};
    nj_gst_server_start(&server, nj_test_video(video, file));
    nj_gst_server_url(&server, url);
    nj_hub_init(&hub, true);
    nj_hub_user_init(&user);
    assert_int_equal(nj_hub_join(&hub, &entry, 0, &user, NULL), 0);
    bool seen = nj_hub_until(&hub, nj_hub_has_frames, &user, PICTURES, SOON_MS);
    nj_stream_get_stats(user.user, &stats);
    if (!seen || stats.width != 320 || stats.height != 180 || stats.dropped > 0)
        fail_msg("%s: %d pictures of %dx%d, state %d: %s", video, nj_hub_user_frames(&user),
                 stats.width, stats.height, stats.state, stats.reason);
    nj_hub_user_finish(&user);
    nj_hub_finish(&hub);
    nj_gst_server_stop(&server);
}

static void gst_server_shows_h264_and_h265(void **state)
{
    (void)state;
    if (!nj_gst_server_installed())
        skip();
    see_pictures_of("small");
    see_pictures_of("small-b");
    see_pictures_of("small-h265");
}

int rtp_gst_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gst_server_shows_h264_and_h265),
    };
    return cmocka_run_group_tests_name("RTP of gst-rtsp-server", tests, NULL, NULL);
}
