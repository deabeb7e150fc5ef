// SPDX-License-Identifier: Apache-2.0
// The matching against trying everything.
#include "track/match_priv.h"

#include "util/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <string.h>

int match_test(void);

enum { SIDE_MAX = 7, ROUNDS = 2000 };

struct table {
    int32_t rows, cols;
    double weight[SIDE_MAX][SIDE_MAX]; // 0: no edge
};

static double best_from(const struct table *t, int32_t row, unsigned used)
{
    if (row == t->rows)
        return 0;
    double best = best_from(t, row + 1, used);
    for (int32_t col = 0; col < t->cols; col++) {
        if (t->weight[row][col] > 0 && !(used >> col & 1)) {
            double sum = t->weight[row][col] + best_from(t, row + 1, used | 1u << col);
            best = sum > best ? sum : best;
        }
    }
    return best;
}

static void draw_table(struct nj_rng *rng, struct table *t, struct nj_match *match)
{
    memset(t, 0, sizeof(*t));
    t->rows = (int32_t)nj_rng_below(rng, SIDE_MAX) + 1;
    t->cols = (int32_t)nj_rng_below(rng, SIDE_MAX) + 1;
    uint64_t sparsity = nj_rng_below(rng, 5) + 1;
    nj_match_begin(match, t->rows, t->cols);
    for (int32_t row = 0; row < t->rows; row++) {
        for (int32_t col = 0; col < t->cols; col++) {
            if (nj_rng_below(rng, sparsity) > 0)
                continue;
            t->weight[row][col] = 0.01 + nj_rng_uniform(rng);
            assert_int_equal(nj_match_add(match, row, col, t->weight[row][col]), 0);
        }
    }
}

static void matching_weighs_as_much_as_the_best_of_all(void **state)
{
    (void)state;
    struct nj_rng rng;
    struct nj_match match = {0};
    nj_rng_seed(&rng, 1);
    for (int round = 0; round < ROUNDS; round++) {
        struct table t;
        draw_table(&rng, &t, &match);
        assert_int_equal(nj_match_solve(&match), 0);
        double sum = 0;
        unsigned used = 0;
        for (int32_t row = 0; row < t.rows; row++) {
            int32_t col = match.col_of_row[row];
            if (col < 0)
                continue;
            assert_true(t.weight[row][col] > 0);
            assert_false(used >> col & 1);
            used |= 1u << col;
            sum += t.weight[row][col];
        }
        if (fabs(sum - best_from(&t, 0, 0)) > 1e-9)
            fail_msg("round %d: %f, best %f", round, sum, best_from(&t, 0, 0));
    }
    nj_match_finish(&match);
    nj_match_finish(&match);
    nj_match_finish(NULL);
}

static void nothing_listed_matches_nobody(void **state)
{
    (void)state;
    struct nj_match match = {0};
    nj_match_begin(&match, 3, 0);
    assert_int_equal(nj_match_solve(&match), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(match.col_of_row[i], -1);
    nj_match_begin(&match, 0, 3);
    assert_int_equal(nj_match_solve(&match), 0);
    nj_match_finish(&match);
}

int match_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matching_weighs_as_much_as_the_best_of_all),
        cmocka_unit_test(nothing_listed_matches_nobody),
    };
    return cmocka_run_group_tests_name("match", tests, NULL, NULL);
}
