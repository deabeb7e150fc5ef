// SPDX-License-Identifier: Apache-2.0
// Names to addresses: deadlines over lookups that hang, what is shared, judged and remembered.
#include "net/resolve.h"

#include "tests/fake/names.h"
#include "util/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

int resolve_test(void);

static const struct nj_address_rules all = {
    .loopback = true, .private_networks = true, .public_networks = true};
static const struct nj_address_rules public_only = {.public_networks = true};
static const nj_us soon_us = 20 * NJ_US_PER_MS, patient_us = 10 * NJ_US_PER_S;

static int set_up(void **state)
{
    struct nj_resolver *resolver = NULL;
    assert_int_equal(nj_resolver_create(&resolver, NULL), 0);
    *state = resolver;
    return 0;
}

static int tear_down(void **state)
{
    nj_resolver_destroy(*state);
    nj_fake_names_finish();
    return 0;
}

// The first address in digits, or the code in `out`.
static int ask(struct nj_resolver *resolver, const struct nj_resolve_request *request,
               char out[NJ_ADDRESS_TEXT_SIZE])
{
    struct nj_addresses found = {.count = 0};
    int rc = nj_resolve(resolver, request, &found, NULL);
    nj_addresses_text(&found, 0, out);
    return rc;
}

static void digits_need_no_lookup_and_are_judged(void **state)
{
    static const struct {
        const char *host;
        const struct nj_address_rules *rules;
        int code;
        const char *address;
    } cases[] = {
        {"0x7f.2", &all, 0, "127.0.0.2"},
        {"::1", &all, 0, "::1"},
        {"127.0.0.1", &public_only, NJ_E_DENIED, ""},
        {"127.0.0.1", NULL, 0, "127.0.0.1"},
        {"169.254.169.254", &all, NJ_E_DENIED, ""},
        {"169.254.169.254", NULL, NJ_E_DENIED, ""},
        {"0.0.0.0", &nj_address_trusted, 0, "0.0.0.0"},
    };
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        const struct nj_resolve_request request = {
            .host = cases[i].host, .rules = cases[i].rules, .timeout_us = patient_us};
        char address[NJ_ADDRESS_TEXT_SIZE];
        assert_int_equal(ask(*state, &request, address), cases[i].code);
        assert_string_equal(address, cases[i].address);
    }
}

static void every_address_of_a_name_has_to_be_allowed(void **state)
{
    const struct nj_resolve_request request = {
        .host = "both.test", .rules = &public_only, .timeout_us = patient_us};
    struct nj_addresses found = {.count = 7};
    struct nj_error err = {0};
    char second[NJ_ADDRESS_TEXT_SIZE];
    nj_fake_names_set("both.test", "192.0.2.1");
    nj_fake_names_add("both.test", "2001:db8::7");
    assert_int_equal(nj_resolve(*state, &request, &found, &err), 0);
    assert_int_equal(found.count, 2);
    nj_addresses_text(&found, 3, second); // goes round
    assert_string_equal(second, "2001:db8::7");
    nj_fake_names_add("both.test", "127.0.0.1");
    assert_int_equal(nj_resolve(*state, &request, &found, &err), NJ_E_DENIED);
    assert_non_null(strstr(err.text, "allow_loopback"));
    assert_int_equal(found.count, 2); // as it was
}

static void a_lookup_that_hangs_costs_its_deadline(void **state)
{
    struct nj_resolve_request request = {.host = "slow.test", .timeout_us = soon_us};
    struct nj_addresses found;
    struct nj_error err = {0};
    nj_fake_names_set("slow.test", NULL);
    nj_fake_names_set("quick.test", "192.0.2.1");
    for (int i = 0; i < 3; i++)
        assert_int_equal(nj_resolve(*state, &request, &found, &err), NJ_E_TIMEOUT);
    assert_non_null(strstr(err.text, "slow.test"));
    nj_fake_names_await_hanging(1);
    assert_int_equal(nj_fake_names_asked("slow.test"), 1); // joined, and not asked again
    request = (struct nj_resolve_request){.host = "quick.test", .timeout_us = patient_us};
    assert_int_equal(nj_resolve(*state, &request, &found, &err), 0);
}

static void cancelling_ends_the_wait(void **state)
{
    struct nj_cancel cancel;
    const struct nj_resolve_request request = {
        .host = "slow.test", .timeout_us = 600 * (nj_us)NJ_US_PER_S, .cancel = &cancel};
    struct nj_addresses found;
    nj_cancel_init(&cancel, NULL);
    nj_cancel_fire(&cancel);
    nj_fake_names_set("slow.test", NULL);
    assert_int_equal(nj_resolve(*state, &request, &found, NULL), NJ_E_CANCELLED);
}

static void no_more_than_eight_lookups_hang(void **state)
{
    char host[32];
    struct nj_resolve_request request = {.host = host, .timeout_us = soon_us};
    struct nj_addresses found;
    struct nj_error err = {0};
    for (int i = 0; i < 9; i++) {
        snprintf(host, sizeof host, "slow%d.test", i);
        nj_fake_names_set(host, NULL);
        int code = i < 8 ? NJ_E_TIMEOUT : NJ_E_UNAVAILABLE;
        assert_int_equal(nj_resolve(*state, &request, &found, &err), code);
    }
    assert_non_null(strstr(err.text, "slow8.test"));
    assert_int_equal(nj_fake_names_asked("slow8.test"), 0);
}

static void an_answer_is_good_for_as_long_as_was_asked(void **state)
{
    struct nj_resolve_request request = {
        .host = "cam.test", .timeout_us = patient_us, .fresh_us = 3600 * (nj_us)NJ_US_PER_S};
    char address[NJ_ADDRESS_TEXT_SIZE];
    nj_fake_names_set("cam.test", "");
    assert_int_equal(ask(*state, &request, address), NJ_E_UNAVAILABLE);
    nj_fake_names_set("cam.test", "192.0.2.1"); // what failed is not remembered
    assert_int_equal(ask(*state, &request, address), 0);
    nj_fake_names_set("cam.test", "192.0.2.2");
    assert_int_equal(ask(*state, &request, address), 0);
    assert_string_equal(address, "192.0.2.1");
    for (int i = 0; i < 2; i++) { // asked anew, and then remembered instead of the older answer
        request.fresh_us = i * 3600 * (nj_us)NJ_US_PER_S;
        assert_int_equal(ask(*state, &request, address), 0);
        assert_string_equal(address, "192.0.2.2");
    }
}

static void what_is_remembered_is_judged_each_time(void **state)
{
    struct nj_resolve_request request = {
        .host = "cam.test", .timeout_us = patient_us, .fresh_us = 3600 * (nj_us)NJ_US_PER_S};
    char address[NJ_ADDRESS_TEXT_SIZE];
    nj_fake_names_set("cam.test", "127.0.0.1");
    assert_int_equal(ask(*state, &request, address), 0);
    request.rules = &public_only;
    assert_int_equal(ask(*state, &request, address), NJ_E_DENIED);
}

static void the_oldest_answer_makes_room(void **state)
{
    char host[32], address[NJ_ADDRESS_TEXT_SIZE];
    const struct nj_resolve_request request = {
        .host = host, .timeout_us = patient_us, .fresh_us = 3600 * (nj_us)NJ_US_PER_S};
    for (int i = 0; i < 10; i++) {
        snprintf(host, sizeof host, "n%d.test", i < 9 ? i : 1);
        nj_fake_names_set(host, "192.0.2.1");
        assert_int_equal(ask(*state, &request, address), 0);
    }
    assert_int_equal(nj_fake_names_asked("n1.test"), 1); // the ninth took the place of n0
}

struct told {
    struct nj_resolve_watch watch;
    int count;
};

static void on_told(struct nj_resolve_watch *watch)
{
    NJ_CONTAINER_OF(watch, struct told, watch)->count++;
    nj_loop_stop(watch->loop);
}

static void the_loop_is_told_and_never_waits(void **state)
{
    struct nj_loop *loop = NULL;
    struct told digits = {.watch = {.done = on_told, .host = "192.0.2.9"}};
    struct told slow = {.watch = {.done = on_told, .host = "slow.test"}};
    struct told left = {.watch = {.done = on_told, .host = "slow.test"}};
    assert_int_equal(nj_loop_create(nj_clock_real(), &loop, NULL), 0);
    digits.watch.loop = slow.watch.loop = left.watch.loop = loop;
    nj_fake_names_set("slow.test", NULL);
    assert_int_equal(nj_resolver_watch(*state, &digits.watch, NULL), 0);
    assert_int_equal(nj_resolver_watch(*state, &slow.watch, NULL), 0);
    assert_int_equal(nj_resolver_watch(*state, &left.watch, NULL), 0);
    assert_int_equal(digits.count, 0); // never inside the call
    nj_loop_run(loop);
    assert_int_equal(digits.count, 1);
    assert_int_equal(digits.watch.addresses.count, 1);
    nj_fake_names_await_hanging(1);
    assert_int_equal(nj_fake_names_asked("slow.test"), 1);
    assert_true(nj_resolver_unwatch(*state, &left.watch));
    nj_fake_names_finish(); // the lookup fails now
    nj_loop_run(loop);      // until it is told
    assert_int_equal(slow.count, 1);
    assert_false(nj_resolver_unwatch(*state, &slow.watch));
    assert_int_equal(slow.watch.rc, NJ_E_UNAVAILABLE);
    assert_int_equal(left.count, 0);
    nj_loop_destroy(loop);
}

static void the_owner_may_go_while_a_lookup_hangs(void **state)
{
    struct nj_resolver *resolver = NULL;
    const struct nj_resolve_request request = {.host = "slow.test", .timeout_us = soon_us};
    struct nj_addresses found;
    (void)state;
    assert_int_equal(nj_resolver_create(&resolver, NULL), 0);
    nj_fake_names_set("slow.test", NULL);
    assert_int_equal(nj_resolve(resolver, &request, &found, NULL), NJ_E_TIMEOUT);
    nj_fake_names_await_hanging(1);
    nj_resolver_destroy(resolver);
    nj_resolver_destroy(NULL);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int resolve_test(void)
{
    const struct CMUnitTest tests[] = {
        CASE(digits_need_no_lookup_and_are_judged),
        CASE(every_address_of_a_name_has_to_be_allowed),
        CASE(a_lookup_that_hangs_costs_its_deadline),
        CASE(cancelling_ends_the_wait),
        CASE(no_more_than_eight_lookups_hang),
        CASE(an_answer_is_good_for_as_long_as_was_asked),
        CASE(what_is_remembered_is_judged_each_time),
        CASE(the_oldest_answer_makes_room),
        CASE(the_loop_is_told_and_never_waits),
        CASE(the_owner_may_go_while_a_lookup_hangs),
    };
    return cmocka_run_group_tests_name("resolve", tests, NULL, NULL);
}
