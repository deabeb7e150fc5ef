// SPDX-License-Identifier: Apache-2.0
// The tracker's life of tracks: birth, stages, loss, hold, limits.
#include "track/track.h"

#include "tests/unit/track/track_helper.h"
#include "track/mot.h"
#include "util/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <string.h>

int track_test(void);

enum { FRAME_US = 100 * NJ_US_PER_MS };

static struct nj_tracker *create(const struct nj_track_options *options)
{
    struct nj_tracker *tracker;
    assert_int_equal(nj_tracker_create(options, 1, &tracker, NULL), 0);
    return tracker;
}

static struct nj_tracker *create_default(void)
{
    struct nj_track_options options;
    track_helper_defaults(&nj_track_option_group, &options);
    return create(&options);
}

static struct nj_track_input person(float x, float score)
{
    return (struct nj_track_input){.x = x, .y = 100, .w = 40, .h = 100, .score = score};
}

static const struct nj_track *update(struct nj_tracker *tracker,
                                     const struct nj_track_input *inputs, size_t count,
                                     nj_us time_us, size_t *out_count)
{
    const struct nj_track *tracks;
    const struct nj_track_inputs frame = {inputs, count, time_us};
    assert_int_equal(nj_tracker_update(tracker, &frame, &tracks, out_count), 0);
    return tracks;
}

static void walker_keeps_id_through_a_gap(void **state)
{
    (void)state;
    struct nj_tracker *tracker = create_default();
    size_t count;
    for (int f = 0; f < 40; f++) {
        struct nj_track_input in = person(100 + 8 * (float)f, .97f);
        bool hidden = f >= 20 && f < 28; // .8 s behind a tree; 64 px on, where it was none
        const struct nj_track *tracks =
            update(tracker, &in, hidden ? 0 : 1, (nj_us)f * FRAME_US, &count);
        assert_int_equal(count, 1);
        assert_int_equal(tracks[0].id, 1);
        assert_int_equal(tracks[0].state, hidden ? NJ_TRACK_LOST : NJ_TRACK_CONFIRMED);
        assert_int_equal(tracks[0].input, hidden ? -1 : 0);
        assert_true(fabsf(tracks[0].x - in.x) < 12);
    }
    nj_tracker_destroy(tracker);
}

static void lost_time_counts_seconds_and_share_of_age(void **state)
{
    (void)state;
    struct nj_track_options options;
    track_helper_defaults(&nj_track_option_group, &options);
    struct nj_track_input in = person(100, .97f);
    size_t count;
    // Followed for 1 s; half of it (and a little) allowed, whatever the frame rate.
    for (nj_us step = 50 * NJ_US_PER_MS; step <= 250 * NJ_US_PER_MS; step *= 5) {
        struct nj_tracker *tracker = create(&options);
        nj_us time_us = 0;
        for (; time_us <= NJ_US_PER_S; time_us += step)
            update(tracker, &in, 1, time_us, &count);
        update(tracker, NULL, 0, NJ_US_PER_S + 500 * NJ_US_PER_MS, &count);
        assert_int_equal(count, 1);
        update(tracker, NULL, 0, NJ_US_PER_S + 600 * NJ_US_PER_MS, &count);
        assert_int_equal(count, 0);
        nj_tracker_destroy(tracker);
    }
    options.lost_us = 200 * NJ_US_PER_MS;
    struct nj_tracker *tracker = create(&options);
    update(tracker, &in, 1, 0, &count);
    update(tracker, &in, 1, NJ_US_PER_S, &count);
    update(tracker, NULL, 0, NJ_US_PER_S + 300 * NJ_US_PER_MS, &count);
    assert_int_equal(count, 0);
    nj_tracker_destroy(tracker);
}

static void held_track_does_not_age_and_does_not_move(void **state)
{
    (void)state;
    struct nj_tracker *tracker = create_default();
    struct nj_track_input in = person(100, .97f);
    size_t count;
    update(tracker, &in, 1, 0, &count);
    update(tracker, &in, 1, FRAME_US, &count);
    nj_tracker_hold(tracker, 3600 * (nj_us)NJ_US_PER_S);
    nj_tracker_hold(tracker, 0); // never back
    const struct nj_track *tracks =
        update(tracker, NULL, 0, 3600 * (nj_us)NJ_US_PER_S + FRAME_US, &count);
    assert_int_equal(count, 1); // one frame without a match, not an hour
    tracks = update(tracker, &in, 1, 3600 * (nj_us)NJ_US_PER_S + 2 * FRAME_US, &count);
    assert_int_equal(count, 1);
    assert_int_equal(tracks[0].id, 1);
    assert_int_equal(tracks[0].hits, 3);
    assert_true(fabsf(tracks[0].x - 100) < 1);
    nj_tracker_destroy(tracker);
}

static void scores_decide_on_birth_continuation_and_nothing(void **state)
{
    (void)state;
    struct nj_tracker *tracker = create_default();
    size_t count;
    struct nj_track_input in = person(100, .92f);
    update(tracker, &in, 1, 0, &count);
    assert_int_equal(count, 0); // not sure enough for a new track
    in.score = .95f;
    for (int f = 1; f < 10; f++)
        update(tracker, &in, 1, (nj_us)f * FRAME_US, &count);
    assert_int_equal(count, 1);
    in.score = .6f;
    const struct nj_track *tracks = update(tracker, &in, 1, 10 * FRAME_US, &count);
    assert_int_equal(tracks[0].input, 0); // continues in the second stage
    in.score = .49f;
    tracks = update(tracker, &in, 1, 11 * FRAME_US, &count);
    assert_int_equal(tracks[0].input, -1);
    in.score = .6f;
    tracks = update(tracker, &in, 1, 12 * FRAME_US, &count);
    assert_int_equal(count, 1);
    assert_int_equal(tracks[0].input, -1); // a lost track needs a sure detection
    nj_tracker_destroy(tracker);
}

static void enlarged_boxes_find_what_jumped(void **state)
{
    (void)state;
    struct nj_track_options options;
    track_helper_defaults(&nj_track_option_group, &options);
    for (int grown = 0; grown < 2; grown++) {
        options.enlarge = grown ? 1.0 : 0;
        struct nj_tracker *tracker = create(&options);
        size_t count;
        struct nj_track_input in = person(100, .97f);
        for (int f = 0; f < 10; f++)
            update(tracker, &in, 1, (nj_us)f * FRAME_US, &count);
        in.x = 130; // IoU 1/7 as it is, above a quarter when grown
        update(tracker, &in, 1, 10 * FRAME_US, &count);
        assert_int_equal(count, grown ? 1 : 2);
        nj_tracker_destroy(tracker);
    }
}

static void groups_do_not_mix_but_classes_of_one_group_do(void **state)
{
    (void)state;
    struct nj_tracker *tracker = create_default();
    size_t count;
    struct nj_track_input in = person(100, .97f);
    in.class_id = 2;
    in.group = 1;
    update(tracker, &in, 1, 0, &count);
    in.class_id = 7;
    const struct nj_track *tracks = update(tracker, &in, 1, FRAME_US, &count);
    assert_int_equal(count, 1);
    assert_int_equal(tracks[0].class_id, 7);
    in.group = 0;
    tracks = update(tracker, &in, 1, 2 * FRAME_US, &count);
    assert_int_equal(count, 2);
    assert_int_equal(tracks[1].id, 2);
    nj_tracker_destroy(tracker);
}

static void tentative_track_is_confirmed_or_forgotten(void **state)
{
    (void)state;
    struct nj_track_options options;
    track_helper_defaults(&nj_track_option_group, &options);
    options.confirm_hits = 2;
    struct nj_tracker *tracker = create(&options);
    size_t count;
    struct nj_track_input in = person(100, .97f);
    const struct nj_track *tracks = update(tracker, &in, 1, 0, &count);
    assert_int_equal(tracks[0].state, NJ_TRACK_TENTATIVE);
    update(tracker, NULL, 0, FRAME_US, &count);
    assert_int_equal(count, 0);
    update(tracker, &in, 1, 2 * FRAME_US, &count);
    tracks = update(tracker, &in, 1, 3 * FRAME_US, &count);
    assert_int_equal(tracks[0].state, NJ_TRACK_CONFIRMED);
    assert_int_equal(tracks[0].id, 2); // ids are not reused
    nj_tracker_destroy(tracker);
}

static void foreign_boxes_and_limits_are_harmless(void **state)
{
    (void)state;
    struct nj_track_options options;
    track_helper_defaults(&nj_track_option_group, &options);
    options.max_tracks = 3;
    struct nj_tracker *tracker = create(&options);
    const struct nj_track_input bad[] = {
        {NAN, 0, 10, 10, 1, 0, 0}, {0, 0, INFINITY, 10, 1, 0, 0}, {0, 0, 10, 10, NAN, 0, 0}};
    const struct nj_track_input flat[] = {{0, 0, 0, 10, 1, 0, 0}, {0, 0, 10, -1, 1, 0, 0}};
    size_t count;
    update(tracker, bad, NJ_COUNT_OF(bad), 0, &count);
    assert_int_equal(count, 0);
    update(tracker, flat, NJ_COUNT_OF(flat), FRAME_US, &count);
    assert_int_equal(count, 0);
    struct nj_track_input many[4];
    for (int i = 0; i < 4; i++)
        many[i] = person(100 * (float)i, .99f);
    const struct nj_track *tracks = NULL;
    const struct nj_track_inputs too_many = {many, 4, 2 * FRAME_US}, late = {many, 1, FRAME_US};
    assert_int_equal(nj_tracker_update(tracker, &too_many, &tracks, &count), NJ_E_TOO_BIG);
    assert_null(tracks);
    update(tracker, many, 3, 2 * FRAME_US, &count);
    assert_int_equal(count, 3);
    struct nj_track_input more = person(2000, .99f);
    update(tracker, &more, 1, 2 * FRAME_US, &count); // full: the newcomer waits
    assert_int_equal(count, 3);
    assert_int_equal(nj_tracker_update(tracker, &late, &tracks, &count), NJ_E_INVALID);
    nj_tracker_reset(tracker);
    tracks = update(tracker, many, 1, 3 * FRAME_US, &count);
    assert_int_equal(count, 1);
    assert_int_equal(tracks[0].id, 4);
    nj_tracker_destroy(tracker);
    nj_tracker_destroy(NULL);
    options.max_tracks = 0;
    assert_int_equal(nj_tracker_create(&options, 1, &tracker, NULL), NJ_E_INVALID);
    options.max_tracks = 1;
    assert_int_equal(nj_tracker_create(&options, 0, &tracker, NULL), NJ_E_INVALID);
}

// Many boxes go the sorted way, few the plain one; both must find the same.
static void sorted_search_finds_what_plain_search_finds(void **state)
{
    (void)state;
    enum { PEOPLE = 60 };
    struct nj_tracker *tracker = create_default();
    for (int f = 0; f < 30; f++) {
        struct nj_track_input in[PEOPLE];
        size_t count;
        for (int i = 0; i < PEOPLE; i++) {
            int at = (i * 37 + f) % PEOPLE; // another order in each frame
            in[i] = person(60 * (float)at + 2 * (float)f, .97f);
        }
        const struct nj_track *tracks = update(tracker, in, PEOPLE, (nj_us)f * FRAME_US, &count);
        assert_int_equal(count, PEOPLE);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(tracks[i].id, i + 1);
            assert_true(tracks[i].input >= 0);
            assert_true(fabsf(tracks[i].x - in[tracks[i].input].x) < 10);
        }
    }
    nj_tracker_destroy(tracker);
}

static void table_is_tracked_frame_by_frame(void **state)
{
    (void)state;
    static const char text[] = "1,-1,10,10,20,50,.99\n2,-1,11,10,20,50,.99\n4,-1,13,10,20,50,.99\n";
    struct nj_track_options options;
    track_helper_defaults(&nj_track_option_group, &options);
    struct nj_mot_table det, out;
    assert_int_equal(nj_mot_parse(text, strlen(text), &det, NULL), 0);
    assert_int_equal(nj_mot_track(&det, &options, 25, &out, NULL), 0);
    assert_int_equal(out.count, 3);
    assert_int_equal(out.rows[2].frame, 4);
    assert_int_equal(out.rows[2].id, 1);
    assert_int_equal(out.frames, 4);
    nj_mot_free(&out);
    assert_int_equal(nj_mot_track(&det, &options, 0, &out, NULL), NJ_E_INVALID);
    options.max_tracks = 1;
    assert_int_equal(nj_mot_track(&det, &options, 25, &out, NULL), 0);
    nj_mot_free(&out);
    nj_mot_free(&det);
}

int track_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(walker_keeps_id_through_a_gap),
        cmocka_unit_test(lost_time_counts_seconds_and_share_of_age),
        cmocka_unit_test(held_track_does_not_age_and_does_not_move),
        cmocka_unit_test(scores_decide_on_birth_continuation_and_nothing),
        cmocka_unit_test(enlarged_boxes_find_what_jumped),
        cmocka_unit_test(groups_do_not_mix_but_classes_of_one_group_do),
        cmocka_unit_test(tentative_track_is_confirmed_or_forgotten),
        cmocka_unit_test(foreign_boxes_and_limits_are_harmless),
        cmocka_unit_test(sorted_search_finds_what_plain_search_finds),
        cmocka_unit_test(table_is_tracked_frame_by_frame),
    };
    return cmocka_run_group_tests_name("track", tests, NULL, NULL);
}
