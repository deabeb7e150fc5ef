// SPDX-License-Identifier: Apache-2.0
// How long patient operations wait for company. The pace is the disk's and so runs on real time;
// the test only tells one interval from the sum of many.
#include "tests/unit/storage/storage_helper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

int store_pace_test(void);

enum {
    URGENT_WRITES = 200, // each one its own commit: 12 s when they were a debt of the patient
    LONGEST_WAIT_S = 5,  // far above one interval, far below that sum
};

static int do_nothing(struct nj_db *db, void *arg, struct nj_error *err)
{
    (void)db;
    (void)arg;
    (void)err;
    return 0;
}

static int apply_nothing(struct nj_store_op *op, struct nj_db *db, struct nj_error *err)
{
    (void)op;
    return do_nothing(db, NULL, err);
}

static void patient_operation_does_not_pay_for_a_burst_of_urgent_ones(void **state)
{
    struct nj_store_fixture *f = *state;
    for (int i = 0; i < URGENT_WRITES; i++)
        assert_int_equal(nj_test_write(f, do_nothing, NULL), 0);
    struct nj_store_op op = {.apply = apply_nothing, .patient = true};
    nj_us begun_us = nj_mono_us(nj_clock_real());
    assert_int_equal(nj_store_write_wait(f->store, &op, NULL), 0);
    nj_us waited_us = nj_mono_us(nj_clock_real()) - begun_us;
    assert_true(waited_us < LONGEST_WAIT_S * (nj_us)NJ_US_PER_S);
}

int store_pace_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(patient_operation_does_not_pay_for_a_burst_of_urgent_ones,
                                        nj_store_fixture_setup, nj_store_fixture_teardown),
    };
    return cmocka_run_group_tests_name("store pace", tests, NULL, NULL);
}
