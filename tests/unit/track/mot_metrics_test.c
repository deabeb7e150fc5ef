// SPDX-License-Identifier: Apache-2.0
// The metrics against figures of other programs, and against cases counted by hand.
#include "track/mot.h"

#include "tests/unit/track/track_helper.h"
#include "util/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

int mot_metrics_test(void);

enum { PATH_SIZE = 4096 };

static void measure(const char *gt_text, const char *result_text, struct nj_mot_metrics *out)
{
    struct nj_mot_table gt, result;
    struct nj_mot_sums *sums;
    struct nj_error err;
    assert_int_equal(nj_mot_parse(gt_text, strlen(gt_text), &gt, &err), 0);
    assert_int_equal(nj_mot_parse(result_text, strlen(result_text), &result, &err), 0);
    assert_int_equal(nj_mot_sums_create(&sums), 0);
    assert_int_equal(nj_mot_sums_add(sums, &gt, &result, &err), 0);
    nj_mot_sums_metrics(sums, out);
    nj_mot_sums_destroy(sums);
    nj_mot_free(&gt);
    nj_mot_free(&result);
}

static void assert_near(double value, double expected, double tolerance)
{
    if (!(fabs(value - expected) <= tolerance))
        fail_msg("%.6f, expected %.6f", value, expected);
}

static void perfect_result_has_full_marks(void **state)
{
    (void)state;
    static const char text[] = "1,1,0,0,10,10,1\n1,2,50,0,10,10,1\n2,1,1,0,10,10,1\n";
    struct nj_mot_metrics m;
    measure(text, text, &m);
    const double values[] = {m.mota, m.motp, m.idf1, m.hota, m.deta, m.assa, m.loca};
    for (size_t i = 0; i < NJ_COUNT_OF(values); i++)
        assert_near(values[i], 100, 1e-9);
    assert_int_equal(m.gt_rows, 3);
    assert_int_equal(m.fragmentations, 0);
}

// One person, four frames; the result changes its id after two. By hand: 4 true positives, 1
// switch; MOTA 1 - 1/4. Identity: the best pairing explains 2 of 4 rows on both sides. HOTA: every
// box is exact, so DetA 1; each pair of ids shares 2 frames of 4 + 2 - 2, so AssA 1/2.
static void id_change_counts_once_and_halves_identity(void **state)
{
    (void)state;
    struct nj_mot_metrics m;
    measure("1,1,0,0,10,10,1\n2,1,0,0,10,10,1\n3,1,0,0,10,10,1\n4,1,0,0,10,10,1\n",
            "1,7,0,0,10,10,1\n2,7,0,0,10,10,1\n3,8,0,0,10,10,1\n4,8,0,0,10,10,1\n", &m);
    assert_int_equal(m.id_switches, 1);
    assert_int_equal(m.fragmentations, 0);
    assert_near(m.mota, 75, 1e-9);
    assert_near(m.idf1, 50, 1e-9);
    assert_near(m.deta, 100, 1e-9);
    assert_near(m.assa, 50, 1e-9);
    assert_near(m.hota, 100 * sqrt(0.5), 1e-9);
}

// Frame 2 offers result 8 with full overlap and result 7 with 2/3; 7 goes on, as it was matched in
// frame 1, so there is no switch and 8 is a false alarm.
static void match_of_the_frame_before_goes_first(void **state)
{
    (void)state;
    struct nj_mot_metrics m;
    measure("1,1,0,0,10,10,1\n2,1,0,0,10,10,1\n",
            "1,7,0,0,10,10,1\n2,7,2,0,10,10,1\n2,8,0,0,10,10,1\n", &m);
    assert_int_equal(m.id_switches, 0);
    assert_int_equal(m.fp, 1);
    assert_near(m.motp, 100 * (1 + 2.0 / 3) / 2, 1e-9);
}

// The person is missed in frame 2 while another one is seen: one fragmentation, no switch.
static void gap_counts_as_fragmentation(void **state)
{
    (void)state;
    struct nj_mot_metrics m;
    measure("1,1,0,0,10,10,1\n2,1,0,0,10,10,1\n2,2,50,0,10,10,1\n3,1,0,0,10,10,1\n",
            "1,7,0,0,10,10,1\n2,9,50,0,10,10,1\n3,7,0,0,10,10,1\n", &m);
    assert_int_equal(m.fragmentations, 1);
    assert_int_equal(m.id_switches, 0);
    assert_int_equal(m.fn, 1);
}

static void ignored_ground_truth_is_dropped_but_results_stay(void **state)
{
    (void)state;
    struct nj_mot_metrics m;
    measure("1,1,0,0,10,10,1\n1,2,50,0,10,10,0\n", "1,7,0,0,10,10,-1\n1,8,50,0,10,10,0\n", &m);
    assert_int_equal(m.gt_rows, 1);
    assert_int_equal(m.result_rows, 2);
    assert_int_equal(m.fp, 1);
    assert_int_equal(m.fn, 0);
}

static void empty_sides_give_zero_and_no_division(void **state)
{
    (void)state;
    struct nj_mot_metrics m;
    measure("", "", &m);
    assert_near(m.mota, 0, 0);
    assert_near(m.hota, 0, 0);
    measure("1,1,0,0,10,10,1\n", "", &m);
    assert_int_equal(m.fn, 1);
    assert_near(m.idf1, 0, 0);
    measure("", "1,1,0,0,10,10,1\n", &m);
    assert_int_equal(m.fp, 1);
}

static void id_twice_in_a_frame_is_refused_and_leaves_sums(void **state)
{
    (void)state;
    static const char once[] = "1,1,0,0,10,10,1\n", twice[] = "1,1,0,0,9,9,1\n1,1,0,0,10,10,1\n";
    struct nj_mot_table good, bad;
    struct nj_mot_sums *sums;
    struct nj_error err;
    assert_int_equal(nj_mot_parse(once, strlen(once), &good, &err), 0);
    assert_int_equal(nj_mot_parse(twice, strlen(twice), &bad, &err), 0);
    assert_int_equal(nj_mot_sums_create(&sums), 0);
    assert_int_equal(nj_mot_sums_add(sums, &good, &bad, &err), NJ_E_INVALID);
    assert_non_null(strstr(err.text, "result: id 1 appears twice in frame 1"));
    struct nj_mot_metrics m;
    nj_mot_sums_metrics(sums, &m);
    assert_int_equal(m.gt_rows, 0);
    nj_mot_sums_destroy(sums);
    nj_mot_free(&good);
    nj_mot_free(&bad);
}

// Figures of the MOTChallenge devkit and of TrackEval's classes for two known results.
struct known {
    const char *name;
    double idf1, idp, idr, recall, precision, mota, motp, hota, deta, assa, loca;
    int64_t fp, fn, id_switches, fragmentations;
};

static const struct known known[] = {
    {"TUD-Campus", 55.8, 73.0, 45.1, 58.2, 94.1, 52.6, 72.3, 39.140, 41.805, 36.912, 77.005, 13,
     150, 7, 7},
    {"TUD-Stadtmitte", 64.5, 82.0, 53.1, 60.9, 94.0, 56.4, 65.4, 39.785, 39.227, 40.884, 73.752, 45,
     452, 7, 6},
    {"both", 62.4, -1, -1, 60.3, 94.0, 55.5, 67.0, 39.996, 39.768, 41.245, 73.248, 58, 602, 14, 13},
};

static void assert_known(const struct nj_mot_sums *sums, const struct known *k)
{
    struct nj_mot_metrics m;
    nj_mot_sums_metrics(sums, &m);
    const double tenth[][2] = {
        {m.idf1, k->idf1},           {m.idp, k->idp},   {m.idr, k->idr},  {m.recall, k->recall},
        {m.precision, k->precision}, {m.mota, k->mota}, {m.motp, k->motp}};
    for (size_t i = 0; i < NJ_COUNT_OF(tenth); i++) {
        if (tenth[i][1] >= 0)
            assert_near(tenth[i][0], tenth[i][1], 0.05);
    }
    assert_near(m.hota, k->hota, 0.0005);
    assert_near(m.deta, k->deta, 0.0005);
    assert_near(m.assa, k->assa, 0.0005);
    assert_near(m.loca, k->loca, 0.0005);
    assert_int_equal(m.fp, k->fp);
    assert_int_equal(m.fn, k->fn);
    assert_int_equal(m.id_switches, k->id_switches);
    assert_int_equal(m.fragmentations, k->fragmentations);
}

static void read_known(const char *name, const char *file, struct nj_mot_table *out)
{
    char relative[128], path[PATH_SIZE];
    struct nj_error err;
    snprintf(relative, sizeof(relative), "metric-check/%s/%s", name, file);
    if (!track_helper_data_path(relative, path, sizeof(path))) {
        print_message("skipped: %s is not there (set NIGHTJAR_MOT_DIR)\n", path);
        skip();
    }
    assert_int_equal(nj_mot_read(path, out, &err), 0);
}

static void figures_of_the_devkit_are_reproduced(void **state)
{
    (void)state;
    struct nj_mot_table gt[2], result[2];
    for (size_t i = 0; i < 2; i++) {
        read_known(known[i].name, "gt.txt", &gt[i]);
        read_known(known[i].name, "test.txt", &result[i]);
    }
    struct nj_mot_sums *all, *one;
    assert_int_equal(nj_mot_sums_create(&all), 0);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(nj_mot_sums_create(&one), 0);
        assert_int_equal(nj_mot_sums_add(one, &gt[i], &result[i], NULL), 0);
        assert_known(one, &known[i]);
        nj_mot_sums_merge(all, one);
        nj_mot_sums_destroy(one);
        nj_mot_free(&gt[i]);
        nj_mot_free(&result[i]);
    }
    assert_known(all, &known[2]);
    nj_mot_sums_destroy(all);
}

int mot_metrics_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(perfect_result_has_full_marks),
        cmocka_unit_test(id_change_counts_once_and_halves_identity),
        cmocka_unit_test(match_of_the_frame_before_goes_first),
        cmocka_unit_test(gap_counts_as_fragmentation),
        cmocka_unit_test(ignored_ground_truth_is_dropped_but_results_stay),
        cmocka_unit_test(empty_sides_give_zero_and_no_division),
        cmocka_unit_test(id_twice_in_a_frame_is_refused_and_leaves_sums),
        cmocka_unit_test(figures_of_the_devkit_are_reproduced),
    };
    return cmocka_run_group_tests_name("mot metrics", tests, NULL, NULL);
}
