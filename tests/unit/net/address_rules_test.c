// SPDX-License-Identifier: Apache-2.0
// Address rules: which hosts may be reached, in all spellings.
#include "net/address_rules.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

int address_rules_test(void);

// No label of a name may have 64 characters: it does not resolve, and no server is asked.
#define LONG_LABEL "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const char *const listed[] = {"10.0.0.0/8",  "2001:db8:1::/48", "cam1.lan", "localhost",
                                     "300.1.1.1/8", "1.2.3.4/33",      "192.0.2.7"};
static const struct nj_address_rules nothing = {.loopback = false};
static const struct nj_address_rules loopback = {.loopback = true};
static const struct nj_address_rules private_only = {.private_networks = true};
static const struct nj_address_rules grouped = {.group = "site"};
static const struct nj_address_rules public_only = {.public_networks = true};
static const struct nj_address_rules list_only = {
    .allowed = {listed, sizeof listed / sizeof listed[0]}};

static void make_address(const char *text, struct sockaddr_storage *out)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    memset(out, 0, sizeof *out);
    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
        memcpy(out, &v4, sizeof v4);
    else if (inet_pton(AF_INET6, text, &v6.sin6_addr) == 1)
        memcpy(out, &v6, sizeof v6);
    else
        fail_msg("%s is no address", text);
}

static void only_rules_that_say_so_are_trusted(void **state)
{
    const struct nj_address_rules all = {
        .loopback = true, .private_networks = true, .public_networks = true};
    (void)state;
    assert_true(nj_address_is_trusted(&nj_address_trusted));
    assert_false(nj_address_is_trusted(&all));
    assert_false(nj_address_is_trusted(NULL));
}

// Networks by the registries (RFC 6890 and those it names).
static void addresses_are_of_their_networks(void **state)
{
    enum { LOOPBACK = 1, PRIVATE = 2, PUBLIC = 4, NEVER = 0 };
    static const struct {
        const char *address;
        int kind;
    } cases[] = {
        {"127.0.0.1", LOOPBACK},
        {"127.255.255.255", LOOPBACK},
        {"::1", LOOPBACK},
        {"::ffff:127.0.0.1", LOOPBACK},
        {"64:ff9b::127.0.0.1", LOOPBACK},
        {"2002:7f00:1::", LOOPBACK},
        {"::127.0.0.1", LOOPBACK},
        {"10.0.0.0", PRIVATE},
        {"10.255.255.255", PRIVATE},
        {"172.16.0.1", PRIVATE},
        {"172.31.255.255", PRIVATE},
        {"192.168.1.1", PRIVATE},
        {"100.64.0.1", PRIVATE},
        {"100.127.255.255", PRIVATE},
        {"169.254.1.1", PRIVATE},
        {"fe80::1", PRIVATE},
        {"febf::1", PRIVATE},
        {"fc00::1", PRIVATE},
        {"fdff::1", PRIVATE},
        {"::ffff:192.168.1.1", PRIVATE},
        {"9.255.255.255", PUBLIC},
        {"11.0.0.0", PUBLIC},
        {"172.15.255.255", PUBLIC},
        {"172.32.0.0", PUBLIC},
        {"100.63.255.255", PUBLIC},
        {"100.128.0.0", PUBLIC},
        {"128.0.0.1", PUBLIC},
        {"223.255.255.255", PUBLIC},
        {"2001:4860:4860::8888", PUBLIC},
        {"::ffff:8.8.8.8", PUBLIC},
        {"fbff::1", PUBLIC},
        {"0.0.0.0", NEVER},
        {"0.1.2.3", NEVER},
        {"224.0.0.1", NEVER},
        {"239.255.255.255", NEVER},
        {"240.0.0.1", NEVER},
        {"255.255.255.255", NEVER},
        {"169.254.169.254", NEVER},
        {"::ffff:169.254.169.254", NEVER},
        {"64:ff9b::a9fe:a9fe", NEVER},
        {"::", NEVER},
        {"::ffff:0.0.0.0", NEVER},
        {"ff02::1", NEVER},
        {"fd00:ec2::254", NEVER},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sockaddr_storage storage;
        const struct sockaddr *address = (const struct sockaddr *)&storage;
        make_address(cases[i].address, &storage);
        int kind = (nj_address_allowed_at(&loopback, NULL, address) ? LOOPBACK : 0) |
                   (nj_address_allowed_at(&private_only, NULL, address) ? PRIVATE : 0) |
                   (nj_address_allowed_at(&public_only, NULL, address) ? PUBLIC : 0);
        if (kind != cases[i].kind)
            fail_msg("%s: %d instead of %d", cases[i].address, kind, cases[i].kind);
        assert_false(nj_address_allowed_at(&nothing, NULL, address));
        assert_int_equal(nj_address_allowed_at(NULL, NULL, address), cases[i].kind != NEVER);
        assert_true(nj_address_allowed_at(&nj_address_trusted, NULL, address));
    }
}

static void listed_networks_and_names_are_allowed_besides(void **state)
{
    static const struct {
        const char *host, *address;
        bool allowed;
    } cases[] = {
        {NULL, "10.1.2.3", true},
        {NULL, "11.1.2.3", false},
        {NULL, "::ffff:10.1.2.3", true},
        {NULL, "2001:db8:1:2::3", true},
        {NULL, "2001:db8:2::3", false},
        {NULL, "192.0.2.7", true},
        {NULL, "192.0.2.8", false},
        {NULL, "1.2.3.4", false},
        {"cam1.lan", "192.168.1.1", true},
        {"CAM1.LAN", "192.168.1.1", true},
        {"cam2.lan", "192.168.1.1", false},
        {"cam1.lan", "169.254.169.254", false}, // never, whoever is asked
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sockaddr_storage storage;
        make_address(cases[i].address, &storage);
        if (nj_address_allowed_at(&list_only, cases[i].host, (const struct sockaddr *)&storage) !=
            cases[i].allowed)
            fail_msg("%s %s", cases[i].host ? cases[i].host : "", cases[i].address);
    }
}

static const char *const schemes[] = {"rtsp", "http", NULL};

static void urls_are_judged_by_where_they_lead(void **state)
{
    static const struct {
        const char *url;
        const struct nj_address_rules *rules;
        int code;
        const char *word; // of the error
    } cases[] = {
        {"rtsp://127.0.0.1/a", &loopback, 0, ""},
        {"rtsp://127.0.0.1:8554/a", &nothing, NJ_E_DENIED, "allow_loopback"},
        {"http://192.168.1.1/", &nothing, NJ_E_DENIED, "allow_private_networks"},
        {"http://192.0.2.1/", &nothing, NJ_E_DENIED, "(allow_public_networks or allowed_hosts"},
        {"http://[::1]/", &grouped, NJ_E_DENIED,
         "(site.allow_loopback or site.allowed_hosts would"},
        {"http://169.254.169.254/latest", NULL, NJ_E_DENIED, "never"},
        // Spellings of 127.0.0.1 that resolvers understand.
        {"http://2130706433/", &public_only, NJ_E_DENIED, "allow_loopback"},
        {"http://0x7f000001/", &public_only, NJ_E_DENIED, "allow_loopback"},
        {"http://0x7f.1/", &public_only, NJ_E_DENIED, "allow_loopback"},
        {"http://0177.0.0.1/", &public_only, NJ_E_DENIED, "allow_loopback"},
        {"http://127.1/", &public_only, NJ_E_DENIED, "allow_loopback"},
        {"http://[::1]/", &public_only, NJ_E_DENIED, "allow_loopback"},
        {"http://[::ffff:127.0.0.1]/", &public_only, NJ_E_DENIED, "allow_loopback"},
        {"http://[::ffff:7f00:1]:80/", &public_only, NJ_E_DENIED, "allow_loopback"},
        {"http://0/", &public_only, NJ_E_DENIED, "never"},
        {"http://user:secret@127.0.0.1/", &nothing, NJ_E_DENIED, "127.0.0.1"},
        {"HTTP://LOCALHOST/", &loopback, 0, ""},
        {"file:///etc/passwd", NULL, NJ_E_DENIED, "file://"},
        {"gopher://127.0.0.1/", NULL, NJ_E_DENIED, "gopher"},
        {"https://127.0.0.1/", NULL, NJ_E_DENIED, "https"},
        {"127.0.0.1", NULL, NJ_E_INVALID, "scheme"},
        {"", NULL, NJ_E_INVALID, "scheme"},
        {"http://", NULL, NJ_E_INVALID, "host"},
        {"http:///x", NULL, NJ_E_INVALID, "host"},
        {"http://a b/", NULL, NJ_E_INVALID, "blank"},
        {"http://a\nb/", NULL, NJ_E_INVALID, "blank"},
        {"http://a\\@127.0.0.1/", NULL, NJ_E_INVALID, "blank"},
        {"http://127.0.0.1:99999/", NULL, NJ_E_INVALID, "port"},
        {"http://127.0.0.1:0/", NULL, NJ_E_INVALID, "port"},
        {"http://127.0.0.1:1x/", NULL, NJ_E_INVALID, "port"},
        {"http://[::1/", NULL, NJ_E_INVALID, "host"},
        {"http://[::1]x/", NULL, NJ_E_INVALID, "host"},
        {"http://%31%32%37.0.0.1/", NULL, NJ_E_INVALID, "host"},
        {"http://u:%zz@127.0.0.1/", NULL, NJ_E_INVALID, "password"},
        {"http://" LONG_LABEL ".invalid/", &nothing, 0, ""}, // names are not looked up
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct nj_error err = {0};
        int rc = nj_address_check_form(cases[i].rules, cases[i].url, schemes, &err);
        if (rc != cases[i].code || (rc != 0 && !strstr(err.text, cases[i].word)))
            fail_msg("%s: %d \"%s\"", cases[i].url, rc, err.text);
        assert_null(strstr(err.text, "secret"));
    }
}

int address_rules_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_rules_that_say_so_are_trusted),
        cmocka_unit_test(addresses_are_of_their_networks),
        cmocka_unit_test(listed_networks_and_names_are_allowed_besides),
        cmocka_unit_test(urls_are_judged_by_where_they_lead),
    };
    return cmocka_run_group_tests_name("address_rules", tests, NULL, NULL);
}
