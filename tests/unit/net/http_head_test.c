// SPDX-License-Identifier: Apache-2.0
// The strict head check: what a lenient parser lets pass is refused, each with its status.
#include "net/http_head_priv.h"

#include "util/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int http_head_test(void);

enum { FIELDS = 128, BROKEN = -1, PARTIAL = -2 };

struct parsed {
    struct nj_http_head head;
    struct nj_http_field fields[FIELDS];
    char *text;
};

// Status of the check: 0 accepted, BROKEN for what no further byte cures, PARTIAL, else refused.
static int check(const char *bytes, size_t length, struct parsed *out)
{
    struct nj_http_head_scan scan = {0};
    long found = nj_http_head_find(&scan, bytes, length);
    out->text = NULL;
    if (found <= 0)
        return found < 0 ? BROKEN : PARTIAL;
    out->text = malloc((size_t)found + 1);
    assert_non_null(out->text);
    memcpy(out->text, bytes, (size_t)found);
    out->text[found] = '\0';
    out->head.fields = out->fields;
    out->head.field_capacity = FIELDS;
    return nj_http_head_parse(out->text, (size_t)found, &out->head);
}

#define H "Host: a\r\n"

struct head_case {
    const char *why, *bytes;
    int status;
};

static const struct head_case cases[] = {
    {"plain request", "GET / HTTP/1.1\r\n" H "\r\n", 0},
    {"HTTP/1.0 needs no Host", "GET / HTTP/1.0\r\n\r\n", 0},
    {"HTTP/1.1 without Host", "GET / HTTP/1.1\r\n\r\n", 400},
    {"two Host", "GET / HTTP/1.1\r\n" H "Host: b\r\n\r\n", 400},
    {"two equal Host", "GET / HTTP/1.1\r\n" H "host: a\r\n\r\n", 400},
    {"empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", 400},
    {"Host with a path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
    {"Host with user", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", 400},
    {"Host with a list", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", 400},
    {"Host with port", "GET / HTTP/1.1\r\nHost: a:80\r\n\r\n", 0},
    {"Host IPv6", "GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", 0},
    {"space before the colon", "GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400},
    {"tab before the colon", "GET / HTTP/1.1\r\n" H "X\t: b\r\n\r\n", 400},
    {"folded line", "GET / HTTP/1.1\r\n" H "X: b\r\n c\r\n\r\n", 400},
    {"line folded with a tab", "GET / HTTP/1.1\r\n" H "X: b\r\n\tc\r\n\r\n", 400},
    {"first header folded", "GET / HTTP/1.1\r\n " H "\r\n", 400},
    {"bare LF everywhere", "GET / HTTP/1.1\nHost: a\n\n", BROKEN},
    {"bare LF after the request line", "GET / HTTP/1.1\n" H "\r\n", BROKEN},
    {"bare LF as the empty line", "GET / HTTP/1.1\r\n" H "\n", BROKEN},
    {"bare CR in a value", "GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n", BROKEN},
    {"CR CR LF", "GET / HTTP/1.1\r\r\n" H "\r\n", BROKEN},
    {"control character in a value", "GET / HTTP/1.1\r\nHost: a\x01\r\n\r\n", BROKEN},
    {"DEL in a value", "GET / HTTP/1.1\r\n" H "X: \x7f\r\n\r\n", BROKEN},
    {"escape character in the target", "GET /\x1b HTTP/1.1\r\n" H "\r\n", BROKEN},
    {"TLS instead of HTTP", "\x16\x03\x01\x02", BROKEN},
    {"tab in a value", "GET / HTTP/1.1\r\n" H "X: a\tb\r\n\r\n", 0},
    {"bytes beyond ASCII in a value", "GET / HTTP/1.1\r\n" H "X: \xc3\xa9\r\n\r\n", 0},
    {"header without a colon", "GET / HTTP/1.1\r\n" H "X\r\n\r\n", 400},
    {"header without a name", "GET / HTTP/1.1\r\n" H ": x\r\n\r\n", 400},
    {"header name with a bracket", "GET / HTTP/1.1\r\n" H "X(: x\r\n\r\n", 400},
    {"header name beyond ASCII", "GET / HTTP/1.1\r\n" H "X\xc3\xa9: x\r\n\r\n", 400},
    {"header name with a blank", "GET / HTTP/1.1\r\n" H "A B: x\r\n\r\n", 400},
    {"empty value", "GET / HTTP/1.1\r\n" H "X:\r\n\r\n", 0},
    {"HTTP/2.0", "GET / HTTP/2.0\r\n" H "\r\n", 505},
    {"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\n", 505},
    {"HTTP/1.2", "GET / HTTP/1.2\r\n" H "\r\n", 505},
    {"HTTP/0.9 with a version", "GET / HTTP/0.9\r\n" H "\r\n", 505},
    {"HTTP/3.1", "GET / HTTP/3.1\r\n" H "\r\n", 505},
    {"HTTP/0.9 without one", "GET /\r\n\r\n", 400},
    {"version in small letters", "GET / http/1.1\r\n" H "\r\n", 400},
    {"version of three parts", "GET / HTTP/1.1.1\r\n" H "\r\n", 400},
    {"version with leading zero", "GET / HTTP/01.1\r\n" H "\r\n", 400},
    {"version without minor", "GET / HTTP/1\r\n" H "\r\n", 400},
    {"another protocol", "GET / RTSP/1.0\r\n" H "\r\n", 400},
    {"blank after the version", "GET / HTTP/1.1 \r\n" H "\r\n", 400},
    {"two blanks before the target", "GET  / HTTP/1.1\r\n" H "\r\n", 400},
    {"two blanks after the target", "GET /  HTTP/1.1\r\n" H "\r\n", 400},
    {"tab as separator", "GET\t/\tHTTP/1.1\r\n" H "\r\n", 400},
    {"blank before the method", " GET / HTTP/1.1\r\n" H "\r\n", 400},
    {"blank in the target", "GET /a b HTTP/1.1\r\n" H "\r\n", 400},
    {"empty target", "GET  HTTP/1.1\r\n" H "\r\n", 400},
    {"method only", "GET\r\n\r\n", 400},
    {"method in small letters", "get / HTTP/1.1\r\n" H "\r\n", 501},
    {"method unknown", "BREW / HTTP/1.1\r\n" H "\r\n", 501},
    {"CONNECT", "CONNECT a:80 HTTP/1.1\r\n" H "\r\n", 501},
    {"TRACE", "TRACE / HTTP/1.1\r\n" H "\r\n", 501},
    {"method with a bracket", "G[T / HTTP/1.1\r\n" H "\r\n", 400},
    {"fragment", "GET /a#b HTTP/1.1\r\n" H "\r\n", 400},
    {"raw bytes beyond ASCII in the target", "GET /\xc3\xa9 HTTP/1.1\r\n" H "\r\n", 400},
    {"target without a slash", "GET a HTTP/1.1\r\n" H "\r\n", 400},
    {"ftp URL", "GET ftp://a/ HTTP/1.1\r\n" H "\r\n", 400},
    {"absolute form", "GET http://b/x HTTP/1.1\r\n" H "\r\n", 0},
    {"absolute form with user", "GET http://u:p@b/x HTTP/1.1\r\n" H "\r\n", 400},
    {"absolute form without authority", "GET http:///x HTTP/1.1\r\n" H "\r\n", 400},
    {"star for OPTIONS", "OPTIONS * HTTP/1.1\r\n" H "\r\n", 0},
    {"star for GET", "GET * HTTP/1.1\r\n" H "\r\n", 400},
    {"dots up", "GET /a/../b HTTP/1.1\r\n" H "\r\n", 400},
    {"dots up, encoded", "GET /a/%2e%2E/b HTTP/1.1\r\n" H "\r\n", 400},
    {"dots up at the end", "GET /.. HTTP/1.1\r\n" H "\r\n", 400},
    {"encoded slash", "GET /a%2fb HTTP/1.1\r\n" H "\r\n", 400},
    {"encoded NUL", "GET /a%00b HTTP/1.1\r\n" H "\r\n", 400},
    {"encoded line end", "GET /a%0d%0ab HTTP/1.1\r\n" H "\r\n", 400},
    {"encoded bytes that are not UTF-8", "GET /%ff HTTP/1.1\r\n" H "\r\n", 400},
    {"escape cut off", "GET /a%2 HTTP/1.1\r\n" H "\r\n", 400},
    {"escape without digits", "GET /a%zz HTTP/1.1\r\n" H "\r\n", 400},
    {"escape cut off in the query", "GET /?a=%2 HTTP/1.1\r\n" H "\r\n", 400},
    {"NUL in the query", "GET /?a=%00 HTTP/1.1\r\n" H "\r\n", 400},
    {"line end in the query", "GET /?a=%0a HTTP/1.1\r\n" H "\r\n", 0},
    {"Content-Length", "POST / HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\n", 0},
    {"two Content-Length", "POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
     400},
    {"two equal Content-Length",
     "POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", 400},
    {"Content-Length list", "POST / HTTP/1.1\r\n" H "Content-Length: 5, 5\r\n\r\n", 400},
    {"Content-Length with a sign", "POST / HTTP/1.1\r\n" H "Content-Length: +5\r\n\r\n", 400},
    {"Content-Length negative", "POST / HTTP/1.1\r\n" H "Content-Length: -5\r\n\r\n", 400},
    {"Content-Length hexadecimal", "POST / HTTP/1.1\r\n" H "Content-Length: 0x5\r\n\r\n", 400},
    {"Content-Length empty", "POST / HTTP/1.1\r\n" H "Content-Length:\r\n\r\n", 400},
    {"Content-Length with a blank", "POST / HTTP/1.1\r\n" H "Content-Length: 5 5\r\n\r\n", 400},
    {"Content-Length beyond 64 bits",
     "POST / HTTP/1.1\r\n" H "Content-Length: 99999999999999999999\r\n\r\n", 413},
    {"chunked", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n", 0},
    {"chunked in capitals", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: CHUNKED\r\n\r\n", 0},
    {"both lengths",
     "POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
    {"both lengths, turned",
     "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", 400},
    {"chunked not last", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked, gzip\r\n\r\n", 400},
    {"chunked twice", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked, chunked\r\n\r\n", 400},
    {"chunked in two lines",
     "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
     400},
    {"gzip, chunked", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n\r\n", 501},
    {"unknown coding", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip\r\n\r\n", 400},
    {"identity", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: identity\r\n\r\n", 400},
    {"coding with a vertical look-alike",
     "POST / HTTP/1.1\r\n" H "Transfer-Encoding: xchunked\r\n\r\n", 400},
    {"coding empty", "POST / HTTP/1.1\r\n" H "Transfer-Encoding:\r\n\r\n", 400},
    {"chunked in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
    {"cut within the request line", "GET / HT", PARTIAL},
    {"cut before the empty line", "GET / HTTP/1.1\r\n" H, PARTIAL},
    {"cut between CR and LF", "GET / HTTP/1.1\r\n" H "\r", PARTIAL},
};

static void malformed_heads_are_refused_with_their_status(void **state)
{
    (void)state;
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        struct parsed parsed = {0};
        int status = check(cases[i].bytes, strlen(cases[i].bytes), &parsed);
        if (status != cases[i].status)
            fail_msg("%s: %d, expected %d (%s)", cases[i].why, status, cases[i].status,
                     parsed.head.problem ? parsed.head.problem : "");
        free(parsed.text);
    }
}

static void nul_in_a_head_is_refused(void **state)
{
    (void)state;
    static const char bytes[] = "GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n";
    struct parsed parsed;
    assert_int_equal(check(bytes, sizeof(bytes) - 1, &parsed), BROKEN);
}

static void verdict_does_not_depend_on_how_bytes_arrive(void **state)
{
    (void)state;
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        struct nj_http_head_scan whole = {0}, slow = {0};
        size_t length = strlen(cases[i].bytes);
        long expected = nj_http_head_find(&whole, cases[i].bytes, length);
        long found = 0;
        for (size_t n = 1; n <= length && found == 0; n++)
            found = nj_http_head_find(&slow, cases[i].bytes, n);
        if (found != expected)
            fail_msg("%s: %ld byte by byte, %ld at once", cases[i].why, found, expected);
    }
}

static void targets_are_normalised(void **state)
{
    (void)state;
    static const struct {
        const char *target, *path, *query, *host;
    } targets[] = {
        {"/", "/", "", "a"},
        {"/api/events?limit=5&a=b", "/api/events", "limit=5&a=b", "a"},
        {"/a%20b", "/a b", "", "a"},
        {"/%C3%A9", "/\xc3\xa9", "", "a"},
        {"/a//b", "/a/b", "", "a"},
        {"//a", "/a", "", "a"},
        {"/a/./b", "/a/b", "", "a"},
        {"/a/%2E/b", "/a/b", "", "a"},
        {"/a/.", "/a/", "", "a"},
        {"/a/", "/a/", "", "a"},
        {"/...", "/...", "", "a"},
        {"/a?b?c", "/a", "b?c", "a"},
        {"/a?", "/a", "", "a"},
        {"/%3f", "/?", "", "a"},
        {"/%25%32%65", "/%2e", "", "a"}, // decoded once only
        {"http://b.example:8000/x/y?z", "/x/y", "z", "b.example:8000"},
        {"HTTP://b", "/", "", "b"},
        {"https://b?q", "/", "q", "b"},
        {"http://[::1]:80/", "/", "", "[::1]:80"},
    };
    for (size_t i = 0; i < NJ_COUNT_OF(targets); i++) {
        char bytes[256];
        snprintf(bytes, sizeof(bytes), "GET %s HTTP/1.1\r\n" H "\r\n", targets[i].target);
        struct parsed parsed;
        assert_int_equal(check(bytes, strlen(bytes), &parsed), 0);
        assert_string_equal(parsed.head.path, targets[i].path);
        assert_string_equal(parsed.head.query, targets[i].query);
        assert_string_equal(parsed.head.host, targets[i].host);
        free(parsed.text);
    }
}

static void long_targets_and_many_headers_are_refused(void **state)
{
    (void)state;
    char bytes[16384] = "GET /";
    struct parsed parsed;
    memset(bytes + 5, 'a', NJ_HTTP_TARGET_MAX_BYTES - 1);
    strcat(bytes, " HTTP/1.1\r\n" H "\r\n");
    assert_int_equal(check(bytes, strlen(bytes), &parsed), 0);
    free(parsed.text);
    strcpy(bytes, "GET /");
    memset(bytes + 5, 'a', NJ_HTTP_TARGET_MAX_BYTES);
    bytes[5 + NJ_HTTP_TARGET_MAX_BYTES] = '\0';
    strcat(bytes, " HTTP/1.1\r\n" H "\r\n");
    assert_int_equal(check(bytes, strlen(bytes), &parsed), 414);
    free(parsed.text);

    for (int more = 0; more < 2; more++) {
        strcpy(bytes, "GET / HTTP/1.1\r\n" H);
        for (int i = 0; i < NJ_HTTP_HEADERS_MAX - 1 + more; i++)
            strcat(bytes, "X: y\r\n");
        strcat(bytes, "\r\n");
        assert_int_equal(check(bytes, strlen(bytes), &parsed), more ? 431 : 0);
        free(parsed.text);
    }
}

static void headers_are_found_and_tokens_listed(void **state)
{
    (void)state;
    static const char bytes[] =
        "GET / HTTP/1.1\r\n" H "x-one:  a b \t\r\nConnection: foo, Upgrade\r\n"
        "Connection: keep-alive\r\nX-One: second\r\n\r\n";
    struct parsed parsed;
    assert_int_equal(check(bytes, sizeof(bytes) - 1, &parsed), 0);
    assert_string_equal(nj_http_head_get(&parsed.head, "X-ONE"), "a b");
    assert_null(nj_http_head_get(&parsed.head, "X"));
    assert_true(nj_http_head_has_token(&parsed.head, "connection", "upgrade"));
    assert_true(nj_http_head_has_token(&parsed.head, "connection", "Keep-Alive"));
    assert_false(nj_http_head_has_token(&parsed.head, "connection", "up"));
    free(parsed.text);
}

int http_head_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(malformed_heads_are_refused_with_their_status),
        cmocka_unit_test(nul_in_a_head_is_refused),
        cmocka_unit_test(verdict_does_not_depend_on_how_bytes_arrive),
        cmocka_unit_test(targets_are_normalised),
        cmocka_unit_test(long_targets_and_many_headers_are_refused),
        cmocka_unit_test(headers_are_found_and_tokens_listed),
    };
    return cmocka_run_group_tests_name("http_head", tests, NULL, NULL);
}
