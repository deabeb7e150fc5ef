// SPDX-License-Identifier: Apache-2.0
// Where the messages of a camera begin and end.
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
        cmocka_unit_test(sessions_are_kept_within_what_cameras_say),
    };
    return cmocka_run_group_tests_name("RTSP messages", tests, NULL, NULL);
}
