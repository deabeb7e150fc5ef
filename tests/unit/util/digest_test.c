// SPDX-License-Identifier: Apache-2.0
// SHA-256, random ids, constant-time comparison, the generator and the back-off.
#include "util/digest.h"

#include "util/backoff.h"
#include "util/mem.h"
#include "util/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

int digest_test(void);

// FIPS 180-2, appendix B, and the empty message.
static void sha256_has_the_vectors_of_fips_180(void **state)
{
    (void)state;
    static const struct {
        const char *text, *hex;
    } cases[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    };
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        char out[NJ_SHA256_HEX_SIZE];
        assert_int_equal(nj_sha256_hex(cases[i].text, strlen(cases[i].text), out), 0);
        assert_string_equal(out, cases[i].hex);
    }
}

// A million times "a" (FIPS 180-2, B.3), read from the start wherever the file stands.
static void sha256_of_a_file_reads_it_whole(void **state)
{
    (void)state;
    char block[1000];
    char out[NJ_SHA256_HEX_SIZE];
    int64_t size = 0;
    memset(block, 'a', sizeof(block));
    FILE *file = tmpfile();
    assert_non_null(file);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(fwrite(block, sizeof(block), 1, file), 1);
    fflush(file);
    assert_int_equal(nj_sha256_fd_hex(fileno(file), out, &size, NULL), 0);
    assert_string_equal(out, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    assert_int_equal(size, 1000000);
    fclose(file);
    struct nj_error err;
    size = 77;
    assert_int_equal(nj_sha256_fd_hex(-1, out, &size, &err), NJ_E_IO);
    assert_int_equal(size, 77);
}

static void random_hex_fills_exactly_and_differs(void **state)
{
    (void)state;
    char a[202], b[202];
    memset(a, '#', sizeof(a));
    assert_int_equal(nj_random_hex(a, 100), 0);
    assert_int_equal(nj_random_hex(b, 100), 0);
    assert_int_equal(strspn(a, "0123456789abcdef"), 200);
    assert_int_equal(a[200], '\0');
    assert_int_equal(a[201], '#');
    assert_string_not_equal(a, b);
    assert_int_equal(nj_random_hex(a, 0), 0);
    assert_string_equal(a, "");
}

static void uuid_has_version_and_variant_and_differs(void **state)
{
    (void)state;
    char last[NJ_UUID_SIZE] = "";
    for (int i = 0; i < 64; i++) {
        char uuid[NJ_UUID_SIZE];
        assert_int_equal(nj_random_uuid(uuid), 0);
        assert_int_equal(strlen(uuid), 36);
        for (size_t at = 0; at < 36; at++) {
            const bool dash = at == 8 || at == 13 || at == 18 || at == 23;
            assert_true(dash ? uuid[at] == '-' : strchr("0123456789abcdef", uuid[at]) != NULL);
        }
        assert_int_equal(uuid[14], '4');
        assert_non_null(strchr("89ab", uuid[19]));
        assert_string_not_equal(uuid, last);
        memcpy(last, uuid, sizeof last);
    }
}

static void secrets_are_equal_only_whole(void **state)
{
    (void)state;
    assert_true(nj_secret_equal("key", 3, "key", 3));
    assert_false(nj_secret_equal("key", 3, "kez", 3));
    assert_false(nj_secret_equal("key", 3, "keys", 4));
    assert_true(nj_secret_equal("", 0, "", 0));
}

// First outputs for the state 1, 2, 3, 4 as the Rust crate rand_xoshiro pins them.
static void generator_has_the_reference_sequence(void **state)
{
    (void)state;
    static const uint64_t expected[] = {11520u, 0u, 1509978240u, 1215971899390074240u};
    struct nj_rng rng = {{1, 2, 3, 4}};
    for (size_t i = 0; i < NJ_COUNT_OF(expected); i++)
        assert_true(nj_rng_next(&rng) == expected[i]);
}

// SplitMix64 of seed 0 begins with this value in the authors' program.
static void seeding_is_split_mix(void **state)
{
    (void)state;
    struct nj_rng rng;
    nj_rng_seed(&rng, 0);
    assert_true(rng.state[0] == 0xe220a8397b1dcdafu);
}

static void draws_stay_in_bounds_and_reach_them(void **state)
{
    (void)state;
    struct nj_rng rng;
    unsigned seen[5] = {0};
    nj_rng_seed(&rng, 42);
    for (int i = 0; i < 5000; i++) {
        double u = nj_rng_uniform(&rng);
        assert_true(u >= 0 && u < 1);
        uint64_t below = nj_rng_below(&rng, 5);
        assert_true(below < 5);
        seen[below]++;
    }
    for (int i = 0; i < 5; i++)
        assert_in_range(seen[i], 850, 1150); // 1000 expected, 5 standard deviations
    assert_int_equal(nj_rng_below(&rng, 1), 0);
}

static void backoff_doubles_up_to_its_cap_without_overflow(void **state)
{
    (void)state;
    static const struct {
        nj_us base, cap;
        unsigned attempt;
        nj_us delay;
    } cases[] = {
        {100, 1000, 1, 100},   {100, 1000, 2, 200},
        {100, 1000, 4, 800},   {100, 1000, 5, 1000},
        {100, 1000, 0, 100},   {100, 1000, 4000000000u, 1000},
        {2000, 1000, 1, 1000}, {3, INT64_MAX, 200, INT64_MAX},
        {0, 1000, 9, 0},
    };
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        struct nj_backoff backoff = {cases[i].base, cases[i].cap, 0.25};
        assert_int_equal(nj_backoff_delay(&backoff, cases[i].attempt, NULL), cases[i].delay);
    }
}

static void backoff_jitter_only_adds_and_at_most_its_share(void **state)
{
    (void)state;
    struct nj_rng rng;
    struct nj_backoff backoff = {1000000, 8000000, 0.25};
    nj_us least = INT64_MAX, most = 0;
    nj_rng_seed(&rng, 7);
    for (int i = 0; i < 1000; i++) {
        nj_us delay = nj_backoff_delay(&backoff, 2, &rng);
        least = delay < least ? delay : least;
        most = delay > most ? delay : most;
    }
    assert_in_range(least, 2000000, 2010000);
    assert_in_range(most, 2490000, 2500000);
    struct nj_backoff endless = {INT64_MAX, INT64_MAX, 1};
    assert_int_equal(nj_backoff_delay(&endless, 1, &rng), INT64_MAX);
}

int digest_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_has_the_vectors_of_fips_180),
        cmocka_unit_test(sha256_of_a_file_reads_it_whole),
        cmocka_unit_test(random_hex_fills_exactly_and_differs),
        cmocka_unit_test(uuid_has_version_and_variant_and_differs),
        cmocka_unit_test(secrets_are_equal_only_whole),
        cmocka_unit_test(generator_has_the_reference_sequence),
        cmocka_unit_test(seeding_is_split_mix),
        cmocka_unit_test(draws_stay_in_bounds_and_reach_them),
        cmocka_unit_test(backoff_doubles_up_to_its_cap_without_overflow),
        cmocka_unit_test(backoff_jitter_only_adds_and_at_most_its_share),
    };
    return cmocka_run_group_tests_name("digest", tests, NULL, NULL);
}
