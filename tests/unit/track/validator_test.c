// SPDX-License-Identifier: Apache-2.0
// When a car stands, and when it only comes, goes or passes.
#include "track/validator.h"

#include "tests/unit/track/track_helper.h"
#include "util/mem.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

int validator_test(void);

enum { WIDTH = 1000, HEIGHT = 500, FRAME_US = 200 * NJ_US_PER_MS, CAR = 7 };

struct scene {
    struct nj_validator *validator;
    struct nj_track track;
    nj_us now_us;
    const struct nj_validator_result *results;
    size_t count;
};

static void begin_with(struct scene *scene, const struct nj_validator_options *options,
                       int64_t threshold)
{
    *scene = (struct scene){
        .track = {.id = CAR, .w = 100, .h = 50, .score = .9f, .state = NJ_TRACK_CONFIRMED}};
    assert_int_equal(nj_validator_create(options, threshold, &scene->validator, NULL), 0);
}

static struct nj_validator_options defaults(void)
{
    struct nj_validator_options options;
    track_helper_defaults(&nj_validator_option_group, &options);
    return options;
}

static void begin(struct scene *scene)
{
    const struct nj_validator_options options = defaults();
    begin_with(scene, &options, 0);
}

static const struct nj_validator_result *update(struct scene *scene)
{
    const struct nj_validator_input input = {.tracks = &scene->track,
                                             .count = 1,
                                             .width = WIDTH,
                                             .height = HEIGHT,
                                             .time_us = scene->now_us};
    assert_int_equal(nj_validator_update(scene->validator, &input, &scene->results, &scene->count),
                     0);
    scene->now_us += FRAME_US;
    return scene->count > 0 ? &scene->results[0] : NULL;
}

// The car's centre is at x; it was matched.
static const struct nj_validator_result *see(struct scene *scene, double x)
{
    scene->track.x = (float)(x - 50);
    scene->track.y = 200;
    scene->track.input = 0;
    return update(scene);
}

static const struct nj_validator_result *miss(struct scene *scene)
{
    scene->track.input = -1;
    return update(scene);
}

static void end(struct scene *scene)
{
    nj_validator_destroy(scene->validator);
}

static void standing_car_is_stable_after_time_and_frames_not_before(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene);
    // 3 s at five frames a second: the 16th frame is 3 s after the first; ten frames are there
    // before.
    for (int i = 0; i < 15; i++) {
        const struct nj_validator_result *result = see(&scene, 500);
        assert_int_equal(result->state, NJ_VALIDATOR_UNKNOWN);
        assert_false(result->valid);
        assert_false(result->process);
    }
    assert_string_equal(scene.results[0].reason, "standing for 2.8 of 3.0 s");
    const struct nj_validator_result *result = see(&scene, 500);
    assert_int_equal(result->state, NJ_VALIDATOR_STABLE);
    assert_int_equal(result->track_id, CAR);
    assert_true(result->valid);
    assert_true(result->process);
    assert_float_equal(result->confidence, .9, 1e-6);
    end(&scene);
    nj_validator_destroy(NULL);
}

static void few_frames_in_a_long_time_are_not_stable(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene);
    const struct nj_validator_result *result = NULL;
    for (int i = 0; i < 9; i++) {
        result = see(&scene, 500);
        scene.now_us += NJ_US_PER_S;
    }
    assert_int_equal(result->state, NJ_VALIDATOR_UNKNOWN);
    assert_string_equal(result->reason, "standing in 9 of 10 frames");
    assert_int_equal(see(&scene, 500)->state, NJ_VALIDATOR_STABLE);
    end(&scene);
}

struct move {
    const char *why;
    double from, step; // px; of the first frame, a frame
    enum nj_validator_state expect;
};

static void moving_car_is_named_by_place_and_direction(void **state)
{
    (void)state;
    static const struct move moves[] = {
        {"from the left side to the middle", 50, 10, NJ_VALIDATOR_ENTERING},
        {"from the right side to the middle", 950, -10, NJ_VALIDATOR_ENTERING},
        {"still in the left zone at its end", 249, 10, NJ_VALIDATOR_ENTERING},
        {"beyond the left zone", 255, 10, NJ_VALIDATOR_PASSING_BY},
        {"out to the left", 250, -10, NJ_VALIDATOR_LEAVING},
        {"out to the right", 750, 10, NJ_VALIDATOR_LEAVING},
        {"through the middle", 480, 10, NJ_VALIDATOR_PASSING_BY},
        {"as fast as the limit is not moving", 500, 5, NJ_VALIDATOR_UNKNOWN},
        {"just faster than the limit", 480, 5.1, NJ_VALIDATOR_PASSING_BY},
    };
    for (size_t i = 0; i < NJ_COUNT_OF(moves); i++) {
        struct scene scene;
        begin(&scene);
        for (int frame = 0; frame < 6; frame++)
            see(&scene, moves[i].from + frame * moves[i].step);
        if (scene.results[0].state != moves[i].expect)
            fail_msg("%s: %s", moves[i].why, nj_validator_state_name(scene.results[0].state));
        assert_false(scene.results[0].valid);
        end(&scene);
    }
}

static void speed_counts_frames_in_which_the_car_was_not_seen(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene);
    see(&scene, 480);
    miss(&scene);
    miss(&scene);
    // 12 px in three frames are 4 a frame.
    assert_int_equal(see(&scene, 492)->state, NJ_VALIDATOR_UNKNOWN);
    end(&scene);
}

static void entering_car_that_stops_is_entering_until_it_is_stable(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene);
    for (int frame = 0; frame < 5; frame++)
        see(&scene, 100 + frame * 10);
    for (int frame = 0; frame < 12; frame++)
        assert_int_equal(see(&scene, 140)->state, NJ_VALIDATOR_ENTERING);
    while (see(&scene, 140)->state == NJ_VALIDATOR_ENTERING)
        assert_true(scene.now_us < 10 * NJ_US_PER_S);
    assert_int_equal(scene.results[0].state, NJ_VALIDATOR_STABLE);
    end(&scene);
}

static void stable_car_that_drives_off_is_leaving_and_must_stand_again(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene);
    while (!(see(&scene, 800)->valid))
        assert_true(scene.now_us < 10 * NJ_US_PER_S);
    see(&scene, 815);
    assert_int_equal(see(&scene, 830)->state, NJ_VALIDATOR_LEAVING);
    for (int frame = 0; frame < 10; frame++)
        assert_false(see(&scene, 830)->valid); // stands, and not for 3 s yet
    end(&scene);
}

static void creeping_car_is_not_stable_while_its_place_varies(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene);
    // 4.9 px a frame are not moving, but in 3 s its place spreads by more than the limit lowered
    // to 20 px: 16 places, deviation 4.9 * sqrt((16^2 - 1) / 12) = 22.6.
    struct nj_validator_options options = defaults();
    end(&scene);
    options.position_deviation_px = 22.5;
    begin_with(&scene, &options, 0);
    for (int frame = 0; frame < 40; frame++)
        assert_false(see(&scene, 350 + frame * 4.9)->valid);
    assert_string_equal(scene.results[0].reason, "its place varies by 22.6 px, 22.5 at most");
    end(&scene);
    options.position_deviation_px = 22.7;
    begin_with(&scene, &options, 0);
    for (int frame = 0; frame < 40; frame++)
        see(&scene, 350 + frame * 4.9);
    assert_true(scene.results[0].valid);
    end(&scene);
}

static void trembling_box_is_stable(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene);
    for (int frame = 0; frame < 40; frame++)
        see(&scene, frame % 2 ? 494 : 506); // 12 px a frame to and fro
    assert_true(scene.results[0].valid);
    end(&scene);
}

static void doubtful_car_is_not_stable(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene);
    scene.track.score = .69f;
    for (int frame = 0; frame < 40; frame++)
        assert_false(see(&scene, 500)->valid);
    assert_string_equal(scene.results[0].reason, "mean confidence 0.69, 0.70 at least");
    scene.track.score = .72f;
    // The mean is over the newest 3 s, 16 frames: six at .72 among them bring .701.
    for (int frame = 0; frame < 5; frame++)
        assert_false(see(&scene, 500)->valid);
    see(&scene, 500);
    assert_true(scene.results[0].valid);
    end(&scene);
}

static void gap_resets_the_frames_in_a_row_but_not_the_standing(void **state)
{
    (void)state;
    struct scene scene;
    const struct nj_validator_options options = defaults();
    begin_with(&scene, &options, 4);
    while (!see(&scene, 500)->valid)
        assert_true(scene.now_us < 10 * NJ_US_PER_S);
    const struct nj_validator_result *gap = miss(&scene);
    assert_int_equal(gap->state, NJ_VALIDATOR_STABLE);
    assert_false(gap->valid);
    assert_false(gap->process);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(see(&scene, 500)->state, NJ_VALIDATOR_STABLE);
        assert_false(scene.results[0].valid);
    }
    assert_string_equal(scene.results[0].reason, "seen in 3 of 4 frames in a row");
    assert_true(see(&scene, 500)->process);
    end(&scene);
}

static void processed_track_is_valid_but_not_processed_again(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene);
    while (!see(&scene, 500)->process)
        assert_true(scene.now_us < 10 * NJ_US_PER_S);
    nj_validator_mark_processed(scene.validator, CAR);
    nj_validator_mark_processed(scene.validator, CAR + 1); // unknown: harmless
    for (int i = 0; i < 50; i++) {
        assert_true(see(&scene, 500)->valid);
        assert_false(scene.results[0].process);
    }
    // Unseen within the time of forgetting it stays known, beyond it it is a new car.
    scene.now_us += 30 * NJ_US_PER_S - FRAME_US;
    assert_false(see(&scene, 500)->process);
    assert_true(scene.results[0].valid);
    scene.now_us += 30 * NJ_US_PER_S - FRAME_US + 1;
    assert_false(see(&scene, 500)->valid);
    for (int i = 0; i < 15; i++)
        see(&scene, 500);
    assert_true(scene.results[0].process);
    nj_validator_mark_processed(scene.validator, CAR);
    nj_validator_reset(scene.validator);
    for (int i = 0; i < 16; i++)
        see(&scene, 500);
    assert_true(scene.results[0].process); // the past is forgotten
    end(&scene);
}

static void tentative_track_gathers_frames_without_a_result(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene);
    scene.track.state = NJ_TRACK_TENTATIVE;
    for (int i = 0; i < 15; i++)
        assert_null(see(&scene, 500));
    scene.track.state = NJ_TRACK_CONFIRMED;
    assert_true(see(&scene, 500)->valid);
    end(&scene);
}

static void room_is_made_of_the_longest_unseen(void **state)
{
    (void)state;
    struct scene scene;
    struct nj_validator_options options = defaults();
    options.max_tracks = 2;
    options.min_stable_us = 0;
    options.min_stable_frames = 1;
    begin_with(&scene, &options, 0);
    struct nj_track tracks[3];
    for (int i = 0; i < 3; i++) {
        tracks[i] = scene.track;
        tracks[i].id = i + 1;
    }
    struct nj_validator_input input = {
        .tracks = tracks, .count = 2, .width = WIDTH, .height = HEIGHT, .time_us = 5};
    const struct nj_validator_result *results = NULL;
    size_t count = 0;
    assert_int_equal(nj_validator_update(scene.validator, &input, &results, &count), 0);
    assert_int_equal(count, 2);
    nj_validator_mark_processed(scene.validator, 1);
    nj_validator_mark_processed(scene.validator, 2);
    // Track 3 comes and 1 is gone: 2, still there, is not the one that makes room.
    input.tracks = tracks + 1;
    assert_int_equal(nj_validator_update(scene.validator, &input, &results, &count), 0);
    assert_int_equal(count, 2);
    assert_false(results[0].process);
    assert_true(results[1].process);
    // Refused input changes nothing.
    input.count = 3;
    input.tracks = tracks;
    assert_int_equal(nj_validator_update(scene.validator, &input, &results, &count), NJ_E_TOO_BIG);
    input.count = 1;
    input.time_us = 4;
    assert_int_equal(nj_validator_update(scene.validator, &input, &results, &count), NJ_E_INVALID);
    input.time_us = 5;
    input.width = 0;
    assert_int_equal(nj_validator_update(scene.validator, &input, &results, &count), NJ_E_INVALID);
    assert_int_equal(count, 2);
    end(&scene);
    options.max_tracks = 0;
    assert_int_equal(nj_validator_create(&options, 0, &scene.validator, NULL), NJ_E_INVALID);
    options.max_tracks = 1;
    assert_int_equal(nj_validator_create(&options, -1, &scene.validator, NULL), NJ_E_INVALID);
}

static void fast_camera_fills_no_more_than_the_window(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene);
    // 200 frames a second: places are thinned, and the deviation is still that of 3 s.
    for (int i = 0; i < 1000; i++) {
        see(&scene, 400 + i * .1);
        scene.now_us += 5 * NJ_US_PER_MS - FRAME_US;
    }
    // 60 px in 3 s: deviation 60 / sqrt(12) = 17.3.
    assert_true(scene.results[0].valid);
    for (int i = 0; i < 1000; i++) {
        see(&scene, 500 + i * .2);
        scene.now_us += 5 * NJ_US_PER_MS - FRAME_US;
    }
    assert_false(scene.results[0].valid); // 34.6
    end(&scene);
}

static void states_have_names(void **state)
{
    (void)state;
    assert_string_equal(nj_validator_state_name(NJ_VALIDATOR_PASSING_BY), "passing_by");
    assert_string_equal(nj_validator_state_name(NJ_VALIDATOR_ENTERING), "entering");
    assert_string_equal(nj_validator_state_name((enum nj_validator_state)99), "unknown");
}

int validator_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(standing_car_is_stable_after_time_and_frames_not_before),
        cmocka_unit_test(few_frames_in_a_long_time_are_not_stable),
        cmocka_unit_test(moving_car_is_named_by_place_and_direction),
        cmocka_unit_test(speed_counts_frames_in_which_the_car_was_not_seen),
        cmocka_unit_test(entering_car_that_stops_is_entering_until_it_is_stable),
        cmocka_unit_test(stable_car_that_drives_off_is_leaving_and_must_stand_again),
        cmocka_unit_test(creeping_car_is_not_stable_while_its_place_varies),
        cmocka_unit_test(trembling_box_is_stable),
        cmocka_unit_test(doubtful_car_is_not_stable),
        cmocka_unit_test(gap_resets_the_frames_in_a_row_but_not_the_standing),
        cmocka_unit_test(processed_track_is_valid_but_not_processed_again),
        cmocka_unit_test(tentative_track_gathers_frames_without_a_result),
        cmocka_unit_test(room_is_made_of_the_longest_unseen),
        cmocka_unit_test(fast_camera_fills_no_more_than_the_window),
        cmocka_unit_test(states_have_names),
    };
    return cmocka_run_group_tests_name("validator", tests, NULL, NULL);
}
