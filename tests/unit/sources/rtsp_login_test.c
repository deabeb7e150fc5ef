// SPDX-License-Identifier: Apache-2.0
// Answers to challenges: the examples of RFC 7616 (3.9.1), RFC 2617 (3.5), RFC 2069 (2.4, with the
// password of its erratum) and RFC 7617 (2).
#include "sources/rtsp_login_priv.h"
#include "util/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

int rtsp_login_test(void);

static void answers_are_those_of_the_standards(void **state)
{
    static const struct {
        const char *user, *password, *challenge, *salt, *part;
    } rows[] = {
        {"Mufasa", "Circle of Life",
         "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm=MD5, "
         "nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", "
         "opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\"",
         "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
         "response=\"8ca523f5e9506fed4657c9700eebdbec\""},
        {"Mufasa", "Circle of Life",
         "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm=SHA-256, "
         "nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", "
         "opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\"",
         "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
         "response=\"753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1\""},
        {"Mufasa", "Circle Of Life",
         "Digest realm=\"testrealm@host.com\", qop=\"auth,auth-int\", "
         "nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", "
         "opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"",
         "0a4f113b", "response=\"6629fae49393a05397450978507c4ef1\""},
        {"Mufasa", "CircleOfLife",
         "Digest realm=\"testrealm@host.com\", nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\"", "",
         "response=\"1949323746fe6a43ef61f9606e7febea\""},
        {"Aladdin", "open sesame", "Basic realm=\"WallyWorld\"", "",
         "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n"},
    };
    (void)state;
    for (size_t i = 0; i < NJ_COUNT_OF(rows); i++) {
        struct nj_rtsp_login login = {.scheme = NJ_RTSP_LOGIN_NONE};
        struct nj_buf out;
        nj_buf_init(&out, 4096);
        snprintf(login.user, sizeof login.user, "%s", rows[i].user);
        snprintf(login.password, sizeof login.password, "%s", rows[i].password);
        assert_true(nj_rtsp_login_challenge(&login, rows[i].challenge));
        nj_rtsp_login_write(&login, "GET", "/dir/index.html", rows[i].salt, &out);
        assert_int_equal(nj_buf_failed(&out), 0);
        if (!strstr(out.data, rows[i].part))
            fail_msg("row %zu: %s", i, out.data);
        nj_buf_finish(&out);
    }
}

static void weaker_and_odd_challenges_are_not_answered(void **state)
{
    static const char *const odd[] = {
        "",
        "Bearer realm=\"x\"",
        "Digest realm=\"a\", nonce=\"b\", algorithm=SHA-512-256",
        "Digest realm=\"a\", nonce=\"b\nX-Injected: yes\"",
        "Basic realm=\"weaker\"",
    };
    char huge[1024];
    struct nj_rtsp_login login = {.user = "u", .password = "p"};
    (void)state;
    assert_true(nj_rtsp_login_challenge(&login, "Digest realm=\"a\", nonce=\"b\""));
    for (size_t i = 0; i < NJ_COUNT_OF(odd); i++)
        assert_false(nj_rtsp_login_challenge(&login, odd[i]));
    snprintf(huge, sizeof huge, "Digest realm=\"a\", nonce=\"%0900d\"", 1);
    assert_false(nj_rtsp_login_challenge(&login, huge));
    assert_string_equal(login.nonce, "b");
    assert_int_equal(login.scheme, NJ_RTSP_LOGIN_MD5);
}

static void quotes_in_a_name_stay_inside(void **state)
{
    struct nj_rtsp_login login = {.user = "a\", x=\"\\", .password = "p"};
    struct nj_buf out;
    (void)state;
    nj_buf_init(&out, 4096);
    assert_true(nj_rtsp_login_challenge(&login, "Digest realm=\"r\", nonce=\"n\""));
    nj_rtsp_login_write(&login, "DESCRIBE", "rtsp://cam/", "s", &out);
    assert_non_null(strstr(out.data, "username=\"a\\\", x=\\\"\\\\\","));
    nj_buf_finish(&out);
}

static void nothing_is_said_without_a_challenge(void **state)
{
    struct nj_rtsp_login login = {.user = "u", .password = "p"};
    struct nj_buf out;
    (void)state;
    nj_buf_init(&out, 4096);
    nj_rtsp_login_write(&login, "DESCRIBE", "rtsp://cam/", "s", &out);
    assert_int_equal(out.length, 0);
    nj_buf_finish(&out);
}

int rtsp_login_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_those_of_the_standards),
        cmocka_unit_test(weaker_and_odd_challenges_are_not_answered),
        cmocka_unit_test(quotes_in_a_name_stay_inside),
        cmocka_unit_test(nothing_is_said_without_a_challenge),
    };
    return cmocka_run_group_tests_name("RTSP login", tests, NULL, NULL);
}
