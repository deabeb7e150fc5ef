// SPDX-License-Identifier: Apache-2.0
// Where the messages of a camera begin and end, and what its description says of the video.
#include "sources/rtsp_message_priv.h"
#include "sources/rtsp_session_priv.h"
#include "util/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

int rtsp_message_test(void);

#define OK_HEAD "RTSP/1.0 200 OK\r\nCSeq: 3\r\n"

static void messages_end_where_they_say(void **state)
{
    static const struct {
        const char *bytes;
        size_t length; // 0: of the text
        int rc;
        enum nj_rtsp_kind kind;
        size_t size, body_size;
        int status;
    } rows[] = {
        {"$\0\0\3abcdef", 10, 0, NJ_RTSP_FRAME, 7, 3, 0},
        {"$\0\0\3ab", 6, 0, NJ_RTSP_PARTIAL, 0, 0, 0},
        {"$\0", 2, 0, NJ_RTSP_PARTIAL, 0, 0, 0},
        {OK_HEAD "\r\n$", 0, 0, NJ_RTSP_ANSWER, 28, 0, 200},
        {OK_HEAD "Content-Length: 2\r\n\r\nhello", 0, 0, NJ_RTSP_ANSWER, 49, 2, 200},
        {OK_HEAD "Content-Length: 9\r\n\r\nhello", 0, 0, NJ_RTSP_PARTIAL, 0, 0, 0},
        {OK_HEAD "Content-Length: -1\r\n\r\n", 0, NJ_E_CORRUPT, NJ_RTSP_PARTIAL, 0, 0, 0},
        {OK_HEAD "Content-Length: 99999999999\r\n\r\n", 0, NJ_E_CORRUPT, NJ_RTSP_PARTIAL, 0, 0, 0},
        {OK_HEAD, 0, 0, NJ_RTSP_PARTIAL, 0, 0, 0},
        {"RTSP/1.0 200 OK\nCSeq: 3\nContent-Length: 2\n\nhello", 0, 0, NJ_RTSP_ANSWER, 45, 2, 200},
        {"RTSP/1.0 200 OK\nContent-Length: 4\n\r\nabcd\r\n\r\n", 0, 0, NJ_RTSP_ANSWER, 40, 4, 200},
        {"RTSP/1.0 200 OK\r\n\n\r\n\r\n", 0, 0, NJ_RTSP_ANSWER, 18, 0, 200},
        {"RTSP/1.0 200 OK\nCSeq: 3\n\r", 0, 0, NJ_RTSP_PARTIAL, 0, 0, 0},
        {"RTSP/1.0 200 OK\nCSeq: 3\n", 0, 0, NJ_RTSP_PARTIAL, 0, 0, 0},
        {"RTSP/1.0\r\n\r\n", 0, 0, NJ_RTSP_ANSWER, 12, 0, 0},
        {"OPTIONS * RTSP/1.0\r\n\r\n", 0, 0, NJ_RTSP_REQUEST, 22, 0, 0},
        {"\r\n\1\2$\0\0\0", 8, 0, NJ_RTSP_STRAY, 4, 0, 0},
        {"Zjunk RTSP/1.0 200 OK\r\n\r\n", 0, 0, NJ_RTSP_STRAY, 6, 0, 0},
        {"OPT", 0, 0, NJ_RTSP_PARTIAL, 0, 0, 0},
        {"OPTS$", 0, 0, NJ_RTSP_STRAY, 4, 0, 0},
        {"HTTP/1.1 405 No\r\n\r\n", 0, NJ_E_CORRUPT, NJ_RTSP_PARTIAL, 0, 0, 0},
        {"", 0, 0, NJ_RTSP_PARTIAL, 0, 0, 0},
    };
    (void)state;
    for (size_t i = 0; i < NJ_COUNT_OF(rows); i++) {
        struct nj_rtsp_message message;
        size_t length = rows[i].length > 0 ? rows[i].length : strlen(rows[i].bytes);
        int rc = nj_rtsp_message_read(rows[i].bytes, length, &message, NULL);
        if (rc != rows[i].rc)
            fail_msg("row %zu: %d", i, rc);
        if (rc != 0)
            continue;
        if (message.kind != rows[i].kind)
            fail_msg("row %zu: kind %d", i, message.kind);
        if (message.kind == NJ_RTSP_PARTIAL)
            continue;
        assert_int_equal(message.size, rows[i].size);
        assert_int_equal(message.body_size, rows[i].body_size);
        assert_int_equal(message.status, rows[i].status);
    }
}

static void head_without_an_end_is_refused(void **state)
{
    struct nj_rtsp_message message;
    const size_t length = NJ_RTSP_HEAD_MAX + 1;
    char *bytes = malloc(length);
    (void)state;
    assert_non_null(bytes);
    memset(bytes, 'A', length);
    memcpy(bytes, "RTSP/", 5);
    assert_int_equal(nj_rtsp_message_read(bytes, length, &message, NULL), NJ_E_TOO_BIG);
    free(bytes);
}

static void find_fields(const char *text)
{
    struct nj_rtsp_message message;
    char value[16];
    assert_int_equal(nj_rtsp_message_read(text, strlen(text), &message, NULL), 0);
    assert_true(nj_rtsp_message_field(&message, "WWW-Authenticate", 0, value, sizeof value));
    assert_string_equal(value, "Basic a");
    assert_true(nj_rtsp_message_field(&message, "WWW-Authenticate", 1, value, sizeof value));
    assert_string_equal(value, "Digest b");
    assert_false(nj_rtsp_message_field(&message, "WWW-Authenticate", 2, value, sizeof value));
    assert_false(nj_rtsp_message_field(&message, "Session", 0, value, sizeof value));
    assert_false(nj_rtsp_message_field(&message, "CSeq", 0, value, 1));
    assert_true(nj_rtsp_message_field(&message, "CSeq", 0, value, 2));
}

static void fields_are_found_by_name_and_number(void **state)
{
    (void)state;
    find_fields("RTSP/1.0 401 Unauthorized\r\nwww-authenticate:  Basic a \r\n"
                "WWW-Authenticate: Digest b\r\nCSeq: 1\r\n\r\n");
    find_fields("RTSP/1.0 401 Unauthorized\nwww-authenticate:  Basic a \n"
                "WWW-Authenticate: Digest b\nCSeq: 1\n\nSession: 3\n");
}

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

static void sessions_are_kept_within_what_cameras_say(void **state)
{
    static const struct {
        int timeout_s;
        nj_us keep_us;
    } rows[] = {
        {30, 10 * (nj_us)NJ_US_PER_S},   {0, 20 * (nj_us)NJ_US_PER_S},
        {3600, 20 * (nj_us)NJ_US_PER_S}, {INT_MAX, 20 * (nj_us)NJ_US_PER_S},
        {-1, 20 * (nj_us)NJ_US_PER_S},
    };
    (void)state;
    for (size_t i = 0; i < NJ_COUNT_OF(rows); i++)
        assert_int_equal(nj_rtsp_keep_us(rows[i].timeout_s), rows[i].keep_us);
}

int rtsp_message_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_end_where_they_say),
        cmocka_unit_test(head_without_an_end_is_refused),
        cmocka_unit_test(fields_are_found_by_name_and_number),
        cmocka_unit_test(video_is_found_and_set_up_where_it_is),
        cmocka_unit_test(sessions_are_kept_within_what_cameras_say),
        cmocka_unit_test(long_addresses_and_descriptions_are_refused),
    };
    return cmocka_run_group_tests_name("RTSP messages", tests, NULL, NULL);
}
