// SPDX-License-Identifier: Apache-2.0
// File replies: validators, ranges and files that are not there.
#include "net/http_server.h"

#include "tests/unit/net/loopback_helper.h"
#include "util/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int http_file_test(void);

enum { BIG = 1000003 };

struct fixture {
    struct loopback loopback;
    char folder[64], path[128];
};

static void handle(struct nj_http_request *request, void *arg)
{
    struct fixture *fixture = arg;
    const struct nj_http_field cache = {"Cache-Control", "private"};
    snprintf(fixture->path, sizeof(fixture->path), "%s%s", fixture->folder, nj_http_path(request));
    nj_http_reply_file(request, fixture->path, "image/jpeg", &cache, 1);
}

// Sun, 06 Nov 1994 08:49:37 GMT, the example of RFC 9110.
static void write_file(const struct fixture *fixture, const char *name, const char *bytes,
                       size_t length)
{
    char path[128];
    const struct timespec times[2] = {{.tv_sec = 784111777}, {.tv_sec = 784111777}};
    snprintf(path, sizeof(path), "%s/%s", fixture->folder, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, length), (ssize_t)length);
    assert_int_equal(futimens(fd, times), 0);
    close(fd);
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    char *big = malloc(BIG);
    snprintf(fixture->folder, sizeof(fixture->folder), "/tmp/nj-http-file-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    loopback_start(&fixture->loopback, &loopback_options, handle, fixture);
    for (int i = 0; i < BIG; i++)
        big[i] = (char)('a' + i % 23);
    write_file(fixture, "ten", "0123456789", 10);
    write_file(fixture, "empty", "", 0);
    write_file(fixture, "big", big, BIG);
    snprintf(fixture->path, sizeof(fixture->path), "%s/pipe", fixture->folder);
    assert_int_equal(mkfifo(fixture->path, 0600), 0);
    free(big);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    static const char *const names[] = {"ten", "empty", "big", "pipe"};
    loopback_stop(&fixture->loopback);
    for (size_t i = 0; i < NJ_COUNT_OF(names); i++) {
        snprintf(fixture->path, sizeof(fixture->path), "%s/%s", fixture->folder, names[i]);
        unlink(fixture->path);
    }
    assert_int_equal(rmdir(fixture->folder), 0);
    free(fixture);
    return 0;
}

static char *get(struct fixture *fixture, const char *method, const char *name, const char *headers)
{
    char request[512];
    snprintf(request, sizeof(request), "%s /%s HTTP/1.1\r\nHost: h\r\n%s\r\n", method, name,
             headers);
    return loopback_ask(&fixture->loopback, request, NULL);
}

static void whole_file_has_its_validators(void **state)
{
    struct fixture *fixture = *state;
    char *answer = get(fixture, "GET", "ten", "");
    assert_non_null(strstr(answer, "HTTP/1.1 200 OK\r\n"));
    assert_non_null(strstr(answer, "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n"));
    assert_non_null(strstr(answer, "Accept-Ranges: bytes\r\n"));
    assert_non_null(strstr(answer, "Content-Length: 10\r\n"));
    assert_non_null(strstr(answer, "Cache-Control: private\r\n"));
    assert_non_null(strstr(answer, "Content-Type: image/jpeg\r\n"));
    assert_string_equal(strstr(answer, "\r\n\r\n"), "\r\n\r\n0123456789");
    free(answer);
}

static void ranges_follow_rfc_9110(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *range, *status, *content_range, *body;
    } cases[] = {
        {"bytes=0-0", "206", "bytes 0-0/10", "0"},
        {"bytes=2-4", "206", "bytes 2-4/10", "234"},
        {"bytes=7-", "206", "bytes 7-9/10", "789"},
        {"bytes=-3", "206", "bytes 7-9/10", "789"},
        {"bytes=-99", "206", "bytes 0-9/10", "0123456789"},
        {"bytes=8-99", "206", "bytes 8-9/10", "89"},
        {"BYTES=8-9", "206", "bytes 8-9/10", "89"},
        {"bytes=10-", "416", "bytes */10", ""},
        {"bytes=-0", "416", "bytes */10", ""},
        {"bytes=5-4", "200", NULL, "0123456789"},
        {"bytes=-", "200", NULL, "0123456789"},
        {"bytes=0-1,3-4", "200", NULL, "0123456789"},
        {"bytes=a-b", "200", NULL, "0123456789"},
        {"bytes=0-1x", "200", NULL, "0123456789"},
        {"lines=0-1", "200", NULL, "0123456789"},
        {"bytes=99999999999999999999-", "200", NULL, "0123456789"},
    };
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        char header[128], line[128];
        snprintf(header, sizeof(header), "Range: %s\r\n", cases[i].range);
        char *answer = get(fixture, "GET", "ten", header);
        snprintf(line, sizeof(line), "HTTP/1.1 %s ", cases[i].status);
        if (!strstr(answer, line) || strcmp(strstr(answer, "\r\n\r\n") + 4, cases[i].body) != 0)
            fail_msg("%s: %s", cases[i].range, answer);
        snprintf(line, sizeof(line), "Content-Range: %s\r\n",
                 cases[i].content_range ? cases[i].content_range : "");
        assert_int_equal(strstr(answer, line) != NULL, cases[i].content_range != NULL);
        free(answer);
    }
}

static void if_range_guards_against_a_changed_file(void **state)
{
    struct fixture *fixture = *state;
    char *answer = get(fixture, "GET", "ten",
                       "Range: bytes=0-1\r\nIf-Range: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
    assert_non_null(strstr(answer, "HTTP/1.1 206 "));
    free(answer);
    answer = get(fixture, "GET", "ten", "Range: bytes=0-1\r\nIf-Range: \"other\"\r\n");
    assert_non_null(strstr(answer, "HTTP/1.1 200 "));
    free(answer);
}

static void unchanged_file_is_not_sent_again(void **state)
{
    struct fixture *fixture = *state;
    char tag[128], header[256];
    char *answer = get(fixture, "GET", "ten", "");
    assert_int_equal(sscanf(strstr(answer, "ETag: "), "ETag: %100s", tag), 1);
    free(answer);
    snprintf(header, sizeof(header), "If-None-Match: %s\r\n", tag);
    answer = get(fixture, "GET", "ten", header);
    assert_non_null(strstr(answer, "HTTP/1.1 304 "));
    assert_string_equal(strstr(answer, "\r\n\r\n"), "\r\n\r\n");
    free(answer);
    static const struct {
        const char *since, *status;
    } cases[] = {
        {"Sun, 06 Nov 1994 08:49:37 GMT", "304"},
        {"Sun, 06 Nov 1994 08:49:36 GMT", "200"},
        {"Mon, 06 Nov 1994 08:49:37 GMT", "200"}, // the wrong weekday: no date at all
        {"tomorrow", "200"},
    };
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        char line[32];
        snprintf(header, sizeof(header), "If-Modified-Since: %s\r\n", cases[i].since);
        answer = get(fixture, "GET", "ten", header);
        snprintf(line, sizeof(line), "HTTP/1.1 %s ", cases[i].status);
        assert_non_null(strstr(answer, line));
        free(answer);
    }
    write_file(fixture, "ten", "9876543210A", 11); // changed: the old tag no longer counts
    snprintf(header, sizeof(header), "If-None-Match: %s\r\n", tag);
    answer = get(fixture, "GET", "ten", header);
    assert_non_null(strstr(answer, "9876543210A"));
    free(answer);
}

static void head_and_empty_files_have_no_body(void **state)
{
    struct fixture *fixture = *state;
    char *answer = get(fixture, "HEAD", "ten", "Range: bytes=0-1\r\n");
    assert_non_null(strstr(answer, "HTTP/1.1 200 "));
    assert_non_null(strstr(answer, "Content-Length: 10\r\n"));
    assert_string_equal(strstr(answer, "\r\n\r\n"), "\r\n\r\n");
    free(answer);
    answer = get(fixture, "GET", "empty", "");
    assert_non_null(strstr(answer, "Content-Length: 0\r\n"));
    free(answer);
}

static void absent_files_folders_and_pipes_are_404(void **state)
{
    struct fixture *fixture = *state;
    static const char *const names[] = {"absent", "", "pipe", "ten/x"};
    for (size_t i = 0; i < NJ_COUNT_OF(names); i++) {
        char *answer = get(fixture, "GET", names[i], "");
        assert_non_null(strstr(answer, "HTTP/1.1 404 "));
        free(answer);
    }
}

static void big_file_arrives_whole_and_the_connection_goes_on(void **state)
{
    struct fixture *fixture = *state;
    char *answer = loopback_ask(&fixture->loopback,
                                "GET /big HTTP/1.1\r\nHost: h\r\n\r\n"
                                "GET /ten HTTP/1.1\r\nHost: h\r\n\r\n",
                                NULL);
    char *body = strstr(answer, "\r\n\r\n") + 4;
    for (int i = 0; i < BIG; i++) {
        if (body[i] != 'a' + i % 23)
            fail_msg("byte %d is wrong", i);
    }
    assert_int_equal(strncmp(body + BIG, "HTTP/1.1 200 OK\r\n", 17), 0);
    assert_non_null(strstr(body + BIG, "0123456789"));
    free(answer);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int http_file_test(void)
{
    const struct CMUnitTest tests[] = {
        CASE(whole_file_has_its_validators),
        CASE(ranges_follow_rfc_9110),
        CASE(if_range_guards_against_a_changed_file),
        CASE(unchanged_file_is_not_sent_again),
        CASE(head_and_empty_files_have_no_body),
        CASE(absent_files_folders_and_pipes_are_404),
        CASE(big_file_arrives_whole_and_the_connection_goes_on),
    };
    return cmocka_run_group_tests_name("http_file", tests, NULL, NULL);
}
