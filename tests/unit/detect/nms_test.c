// SPDX-License-Identifier: Apache-2.0
// Suppression within classes, within groups, and not beyond.
#include "tests/unit/detect/detect_helper.h"

#include "detect/nms_priv.h"

int nms_test(void);

static struct nj_candidates boxes;
static const int32_t groups[] = {0, 1, 1, 0}; // 1 and 2 may be the same thing

static struct nj_nms_options options(void)
{
    return (struct nj_nms_options){
        .iou = 0.45F, .group_iou = 0.6F, .class_groups = groups, .max = NJ_DETECTIONS_MAX};
}

static void put(float x, float score, int32_t class_id)
{
    nj_candidates_add(&boxes, (struct nj_candidate){x, 0, x + 10, 10, score, class_id, 0});
}

static void overlap_is_intersection_over_union(void **state)
{
    (void)state;
    const struct nj_candidate a = {0, 0, 10, 10, 1, 0, 0};
    const struct nj_candidate b = {5, 0, 15, 10, 1, 0, 0};
    const struct nj_candidate c = {10, 0, 20, 10, 1, 0, 0};
    assert_float_equal(nj_nms_overlap(&a, &a), 1, 1e-6);
    assert_float_equal(nj_nms_overlap(&a, &b), 50.0 / 150, 1e-6);
    assert_float_equal(nj_nms_overlap(&a, &c), 0, 0);
}

static void the_surer_of_one_class_stays(void **state)
{
    (void)state;
    boxes.count = 0;
    put(3, 0.6F, 0); // overlap 70/130 = 0.54 with the next
    put(0, 0.9F, 0);
    put(5, 0.5F, 0); // 0.33 with the surest: stays
    struct nj_nms_options o = options();
    nj_nms_run(&boxes, &o);
    assert_int_equal(boxes.count, 2);
    assert_float_equal(boxes.items[0].score, 0.9F, 0);
    assert_float_equal(boxes.items[1].score, 0.5F, 0);
}

static void classes_of_a_group_suppress_each_other_and_others_do_not(void **state)
{
    (void)state;
    boxes.count = 0;
    put(0, 0.7F, 1);
    put(1, 0.6F, 2); // 90/110 = 0.82 of one group: goes
    put(1, 0.5F, 3); // another thing at the same place
    put(1, 0.4F, 0);
    struct nj_nms_options o = options();
    nj_nms_run(&boxes, &o);
    assert_int_equal(boxes.count, 3);
    assert_int_equal(boxes.items[0].class_id, 1);
    assert_int_equal(boxes.items[1].class_id, 3);
    assert_int_equal(boxes.items[2].class_id, 0);
}

static void a_group_allows_more_overlap_than_a_class(void **state)
{
    (void)state;
    boxes.count = 0;
    put(0, 0.7F, 1);
    put(3, 0.6F, 2); // 0.54: a car before a truck
    struct nj_nms_options o = options();
    nj_nms_run(&boxes, &o);
    assert_int_equal(boxes.count, 2);
}

static void an_iou_above_one_keeps_doubles_of_a_class(void **state)
{
    (void)state;
    boxes.count = 0;
    put(0, 0.7F, 0);
    put(0, 0.6F, 0);
    struct nj_nms_options o = options();
    o.iou = 2;
    nj_nms_run(&boxes, &o);
    assert_int_equal(boxes.count, 2);
}

static void no_more_than_max_are_kept_and_they_are_the_surest(void **state)
{
    (void)state;
    boxes.count = 0;
    for (int i = 0; i < 20; i++)
        put((float)(20 * i), 0.1F + 0.01F * (float)i, 0);
    struct nj_nms_options o = options();
    o.max = 5;
    nj_nms_run(&boxes, &o);
    assert_int_equal(boxes.count, 5);
    assert_float_equal(boxes.items[4].score, 0.25F, 1e-6);
}

int nms_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(overlap_is_intersection_over_union),
        cmocka_unit_test(the_surer_of_one_class_stays),
        cmocka_unit_test(classes_of_a_group_suppress_each_other_and_others_do_not),
        cmocka_unit_test(a_group_allows_more_overlap_than_a_class),
        cmocka_unit_test(an_iou_above_one_keeps_doubles_of_a_class),
        cmocka_unit_test(no_more_than_max_are_kept_and_they_are_the_surest),
    };
    return cmocka_run_group_tests_name("nms", tests, NULL, NULL);
}
