// SPDX-License-Identifier: Apache-2.0
// Parts of URLs, there and back.
#include "net/url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

int url_test(void);

static void parts_are_found(void **state)
{
    static const struct {
        const char *text;
        struct nj_url url;
    } cases[] = {
        {"rtsp://cam.lan", {.scheme = "rtsp", .host = "cam.lan"}},
        {"RTSP://Cam.Lan:554/Path?a=B#f",
         {.scheme = "rtsp", .host = "cam.lan", .port = 554, .rest = "/Path?a=B"}},
        {"http://u:p@h/x", {"http", "u", "p", "h", 0, "/x"}},
        {"http://u@h?q", {"http", "u", "", "h", 0, "?q"}},
        {"http://u:p%40%3A:q@h/", {"http", "u", "p@::q", "h", 0, "/"}},
        {"http://u:a@b@h/", {"http", "u", "a@b", "h", 0, "/"}},
        {"http://[FE80::1]:80/", {"http", "", "", "fe80::1", 80, "/"}},
        {"http://h:/", {"http", "", "", "h", 0, "/"}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct nj_url url;
        assert_int_equal(nj_url_parse(cases[i].text, &url, NULL), 0);
        assert_string_equal(url.scheme, cases[i].url.scheme);
        assert_string_equal(url.user, cases[i].url.user);
        assert_string_equal(url.password, cases[i].url.password);
        assert_string_equal(url.host, cases[i].url.host);
        assert_int_equal(url.port, cases[i].url.port);
        assert_string_equal(url.rest, cases[i].url.rest);
    }
}

static void what_is_written_reads_the_same(void **state)
{
    static const char *const texts[] = {"rtsp://cam.lan", "rtsp://u:p%40@h:1/x?y",
                                        "http://[::1]:8/", "http://:p@h/", "http://u:@h/%20"};
    char written[NJ_URL_MAX];
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct nj_url url;
        assert_int_equal(nj_url_parse(texts[i], &url, NULL), 0);
        assert_true(nj_url_write(&url, written, sizeof written));
        assert_string_equal(written, texts[i]);
        assert_false(nj_url_write(&url, written, strlen(texts[i])));
    }
}

static void login_follows_to_the_same_service_alone(void **state)
{
    static const struct {
        const char *from, *to, *user;
    } cases[] = {
        {"rtsp://u:p@h/a", "rtsp://h:554/b", "u"},   {"rtsp://u:p@h:80/a", "rtsp://h:80/b", "u"},
        {"rtsp://u:p@h/a", "rtsp://h:555/b", ""},    {"rtsp://u:p@h:555/a", "rtsp://h/b", ""},
        {"rtsp://u:p@h:1/a", "rtsps://h:1/b", "u"},  {"rtsp://u:p@h:1/a", "rtsps://h/b", "u"},
        {"rtsp://u:p@h:1/a", "rtsps://h:2/b", ""},   {"http://u:p@h/a", "https://h/b", "u"},
        {"http://u:p@h/a", "rtsp://h:80/b", ""},     {"http://u:p@h/a", "rtsps://h/b", ""},
        {"rtsp://u:p@h/a", "rtspsx://h/b", ""},      {"rtsp://u:p@h/a", "rtsp://g/b", ""},
        {"rtsp://u:p@h/a", "rtsps://h/b", "u"},      {"rtsps://u:p@h/a", "rtsp://h/b", ""},
        {"https://u:p@h/a", "http://h/b", ""},       {"https://u:p@h/a", "https://h/b", "u"},
        {"https://u:p@h/a", "https://v:q@h/b", "v"}, {"https://u:p@h/a", "https://h.evil/b", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct nj_url from, to;
        assert_int_equal(nj_url_parse(cases[i].from, &from, NULL), 0);
        assert_int_equal(nj_url_parse(cases[i].to, &to, NULL), 0);
        nj_url_carry_login(&from, &to);
        assert_string_equal(to.user, cases[i].user);
    }
}

static void too_long_a_url_is_refused(void **state)
{
    char text[NJ_URL_MAX + 8];
    struct nj_url url;
    (void)state;
    memset(text, 'a', sizeof text);
    memcpy(text, "http://h/", 9);
    text[NJ_URL_MAX - 1] = '\0';
    assert_int_equal(nj_url_parse(text, &url, NULL), 0);
    text[NJ_URL_MAX - 1] = 'a';
    text[NJ_URL_MAX] = '\0';
    assert_int_equal(nj_url_parse(text, &url, NULL), NJ_E_INVALID);
}

static void escaped_text_is_plain_and_reads_the_same(void **state)
{
    static const char text[] = "a-._~/:\xc3\xbc @%z";
    static const char escaped[] = "a-._~%2F%3A%C3%BC%20%40%25z";
    char out[64], small[8];
    (void)state;
    assert_int_equal(nj_url_escape(text, out, sizeof out), strlen(escaped));
    assert_string_equal(out, escaped);
    assert_int_equal(nj_url_escape(text, small, sizeof small), strlen(escaped));
    assert_string_equal(small, "a-._~"); // no half escape
    assert_int_equal(nj_url_escape(text, NULL, 0), strlen(escaped));
    assert_true(nj_url_unescape(escaped, strlen(escaped), out, sizeof out));
    assert_string_equal(out, text);
    static const char *const wrong[] = {"%", "%4", "%4z", "a%00", "%0a", "123456789"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_false(nj_url_unescape(wrong[i], strlen(wrong[i]), small, sizeof small));
}

int url_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_are_found),
        cmocka_unit_test(what_is_written_reads_the_same),
        cmocka_unit_test(login_follows_to_the_same_service_alone),
        cmocka_unit_test(too_long_a_url_is_refused),
        cmocka_unit_test(escaped_text_is_plain_and_reads_the_same),
    };
    return cmocka_run_group_tests_name("url", tests, NULL, NULL);
}
