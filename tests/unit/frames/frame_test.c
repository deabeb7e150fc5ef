// SPDX-License-Identifier: Apache-2.0
// Counted frames: memory, sharing, release, and the slot that keeps only the newest.
#include "frames/frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

int frame_test(void);

static void count_release(void *owner)
{
    ++*(int *)owner;
}

static void planes_are_aligned_and_large_enough(void **state)
{
    (void)state;
    static const struct {
        enum nj_pixel_format format;
        int32_t row_bytes[3], rows[3];
    } cases[] = {
        {NJ_PIXEL_I420, {7, 4, 4}, {5, 3, 3}},   {NJ_PIXEL_I422, {7, 4, 4}, {5, 5, 5}},
        {NJ_PIXEL_I444, {7, 7, 7}, {5, 5, 5}},   {NJ_PIXEL_GRAY, {7, 0, 0}, {5, 0, 0}},
        {NJ_PIXEL_RGB24, {21, 0, 0}, {5, 0, 0}},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct nj_frame *frame = NULL;
        assert_int_equal(nj_frame_allocate(7, 5, cases[i].format, &frame), 0);
        for (int p = 0; p < 3; p++) {
            assert_int_equal(frame->planes[p] != NULL, cases[i].rows[p] > 0);
            if (!frame->planes[p])
                continue;
            assert_int_equal((uintptr_t)frame->planes[p] % 32, 0);
            assert_true(frame->strides[p] >= cases[i].row_bytes[p]);
            // Every byte is ours to write: the sanitizer build sees an overrun.
            memset((uint8_t *)(uintptr_t)frame->planes[p], p + 1,
                   (size_t)frame->strides[p] * (size_t)cases[i].rows[p]);
        }
        for (int p = 0; p < 3 && frame->planes[p]; p++) // planes do not overlap
            assert_int_equal(frame->planes[p][0], p + 1);
        assert_int_equal(frame->full_width, 7);
        nj_frame_unref(frame);
    }
}

static void sizes_beyond_the_limits_are_refused(void **state)
{
    (void)state;
    static const int32_t sizes[][2] = {{0, 1},     {1, 0},     {-1, 5},
                                       {16385, 1}, {1, 16385}, {16384, 16384}};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct nj_frame *frame = NULL;
        int result = nj_frame_allocate(sizes[i][0], sizes[i][1], NJ_PIXEL_GRAY, &frame);
        assert_int_equal(result, NJ_E_TOO_BIG);
        assert_null(frame);
    }
}

static void release_is_called_once_when_the_last_reference_goes(void **state)
{
    (void)state;
    int released = 0;
    uint8_t pixel = 9;
    struct nj_frame description = {.width = 1,
                                   .height = 1,
                                   .format = NJ_PIXEL_GRAY,
                                   .planes = {&pixel},
                                   .strides = {1},
                                   .sequence = 77};
    struct nj_frame *frame = NULL;
    assert_int_equal(nj_frame_create(&description, count_release, &released, &frame), 0);
    assert_ptr_equal(nj_frame_ref(frame), frame);
    assert_int_equal(frame->sequence, 77);
    nj_frame_unref(frame);
    assert_int_equal(released, 0);
    nj_frame_unref(frame);
    assert_int_equal(released, 1);
    nj_frame_unref(NULL);
}

static void release_is_called_when_the_frame_is_refused(void **state)
{
    (void)state;
    int released = 0;
    struct nj_frame description = {.width = 20000, .height = 1};
    struct nj_frame *frame = NULL;
    assert_int_equal(nj_frame_create(&description, count_release, &released, &frame), NJ_E_TOO_BIG);
    assert_int_equal(released, 1);
    assert_null(frame);
}

static struct nj_frame *numbered(uint64_t sequence, int *released)
{
    struct nj_frame description = {.width = 1, .height = 1, .sequence = sequence};
    struct nj_frame *frame = NULL;
    assert_int_equal(nj_frame_create(&description, count_release, released, &frame), 0);
    return frame;
}

static void slot_keeps_the_newest_and_counts_what_it_dropped(void **state)
{
    (void)state;
    int released = 0;
    struct nj_frame_slot *slot = NULL;
    assert_int_equal(nj_frame_slot_create(&slot), 0);
    assert_null(nj_frame_slot_take(slot));
    for (uint64_t i = 1; i <= 3; i++) {
        struct nj_frame *frame = numbered(i, &released);
        assert_int_equal(nj_frame_slot_put(slot, frame), i > 1);
        nj_frame_unref(frame);
    }
    assert_int_equal(released, 2);
    assert_int_equal(nj_frame_slot_dropped(slot), 2);
    struct nj_frame *newest = nj_frame_slot_take(slot);
    assert_int_equal(newest->sequence, 3);
    assert_null(nj_frame_slot_take(slot));
    nj_frame_unref(newest);
    assert_int_equal(released, 3);

    struct nj_frame *left = numbered(4, &released);
    assert_int_equal(nj_frame_slot_put(slot, left), 0);
    nj_frame_unref(left);
    nj_frame_slot_destroy(slot); // gives back what nobody took
    assert_int_equal(released, 4);
    nj_frame_slot_destroy(NULL);
}

int frame_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(planes_are_aligned_and_large_enough),
        cmocka_unit_test(sizes_beyond_the_limits_are_refused),
        cmocka_unit_test(release_is_called_once_when_the_last_reference_goes),
        cmocka_unit_test(release_is_called_when_the_frame_is_refused),
        cmocka_unit_test(slot_keeps_the_newest_and_counts_what_it_dropped),
    };
    return cmocka_run_group_tests_name("frame", tests, NULL, NULL);
}
