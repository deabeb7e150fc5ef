// SPDX-License-Identifier: Apache-2.0
// What a camera's description says of the video.
#include "sources/rtsp_video_priv.h"
#include "util/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

int rtsp_video_test(void);

static void video_is_found_and_set_up_where_it_is(void **state)
{
    static const struct {
        const char *sdp, *base, *control, *whole;
        int rc;
    } rows[] = {
        {"v=0\r\na=control:*\r\nm=audio 0 RTP/AVP 0\r\na=control:a\r\nm=video 0 RTP/AVP 96\r\n"
         "a=rtpmap:96 H264/90000\r\na=control:track2\r\n",
         "rtsp://cam/live", "rtsp://cam/live/track2", "rtsp://cam/live", 0},
        {"m=video 0 RTP/AVP 96\na=control:track1\n", "rtsp://cam/live/", "rtsp://cam/live/track1",
         "rtsp://cam/live/", 0},
        {"m=video 0 RTP/AVP 96\r\na=control:rtsp://cam/other\r\n", "rtsp://cam/",
         "rtsp://cam/other", "rtsp://cam/", 0},
        {"a=control:rtsp://cam/all\r\nm=video 0 RTP/AVP 96\r\n", "rtsp://cam/x", "rtsp://cam/x",
         "rtsp://cam/all", 0},
        {"m=video 0 RTP/AVP 96\r\na=control:a\r\nm=video 0 RTP/AVP 97\r\na=control:b", "rtsp://c",
         "rtsp://c/a", "rtsp://c", 0},
        {"m=video 0 RTP/AVP 96\ra=x\rm=audio 0 RTP/AVP 0\r", "rtsp://c", "rtsp://c", "rtsp://c", 0},
        {"v=0\r\nm=audio 0 RTP/AVP 0\r\n", "rtsp://cam/", "", "", NJ_E_UNSUPPORTED},
        {"<html>", "rtsp://cam/", "", "", NJ_E_UNSUPPORTED},
    };
    (void)state;
    for (size_t i = 0; i < NJ_COUNT_OF(rows); i++) {
        struct nj_rtsp_video video;
        int rc = nj_rtsp_video_read(rows[i].sdp, strlen(rows[i].sdp), rows[i].base, &video, NULL);
        assert_int_equal(rc, rows[i].rc);
        if (rc != 0)
            continue;
        assert_string_equal(video.control, rows[i].control);
        assert_string_equal(video.whole, rows[i].whole);
        assert_non_null(strstr(video.description, "m=video 0 RTP/AVP 96\r\n"));
        assert_null(strstr(video.description, "m=audio"));
        assert_null(strstr(video.description, "RTP/AVP 97"));
        free(video.description);
    }
}

static void long_addresses_and_descriptions_are_refused(void **state)
{
    static char text[200 * 1000];
    struct nj_rtsp_video video;
    (void)state;
    memset(text, 'x', sizeof text - 1);
    memcpy(text, "m=video 0 RTP/AVP 96\na=", 23);
    assert_int_equal(nj_rtsp_video_read(text, sizeof text - 1, "rtsp://c", &video, NULL),
                     NJ_E_TOO_BIG);
    memcpy(text, "m=video 0 RTP/AVP 96\na=control:", 31);
    assert_int_equal(nj_rtsp_video_read(text, sizeof text - 1, "rtsp://c", &video, NULL),
                     NJ_E_TOO_BIG);
}

int rtsp_video_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(video_is_found_and_set_up_where_it_is),
        cmocka_unit_test(long_addresses_and_descriptions_are_refused),
    };
    return cmocka_run_group_tests_name("RTSP video", tests, NULL, NULL);
}
