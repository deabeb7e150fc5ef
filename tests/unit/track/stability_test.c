// SPDX-License-Identifier: Apache-2.0
// When rows are born, change and end.
#include "track/stability.h"

#include "tests/unit/track/track_helper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

int stability_test(void);

enum { FRAME_US = 100 * NJ_US_PER_MS };

// One track that is fed frame by frame, and the actions it led to.
struct scene {
    struct nj_stability *stability;
    struct nj_track track;
    int32_t zone;
    const struct nj_stability_action *actions;
    size_t count;
};

static void begin(struct scene *scene)
{
    struct nj_stability_options options;
    track_helper_defaults(&nj_stability_option_group, &options);
    *scene = (struct scene){.track = {.id = 5,
                                      .w = 10,
                                      .h = 20,
                                      .score = .8f,
                                      .class_id = 1,
                                      .state = NJ_TRACK_CONFIRMED,
                                      .last_us = -FRAME_US}};
    assert_int_equal(nj_stability_create(&options, &scene->stability, NULL), 0);
}

static size_t see(struct scene *scene)
{
    scene->track.last_us += FRAME_US;
    scene->track.hits++;
    scene->track.input = 3;
    const struct nj_stability_tracks tracks = {&scene->track, &scene->zone, 1};
    assert_int_equal(nj_stability_update(scene->stability, &tracks, &scene->actions, &scene->count),
                     0);
    return scene->count;
}

static void see_times(struct scene *scene, int times)
{
    for (int i = 0; i < times; i++)
        see(scene);
}

static void row_is_born_when_hits_and_age_are_met(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene);
    // .3 s need the fourth frame, although three hits are there with the third.
    assert_int_equal(see(&scene), 0);
    assert_int_equal(see(&scene), 0);
    assert_int_equal(see(&scene), 0);
    assert_int_equal(see(&scene), 1);
    const struct nj_stability_action *action = &scene.actions[0];
    assert_int_equal(action->kind, NJ_STABILITY_BORN);
    assert_int_equal(action->changed, NJ_STABILITY_PICTURE);
    assert_int_equal(action->track_id, 5);
    assert_int_equal(action->input, 3);
    assert_int_equal(action->hits, 4);
    see_times(&scene, 20);
    assert_int_equal(scene.count, 0); // nothing changes: nothing is written
    nj_stability_destroy(scene.stability);
    nj_stability_destroy(NULL);
}

static void tentative_or_unmatched_track_is_not_born(void **state)
{
    (void)state;
    struct scene scene;
    const struct nj_stability_tracks one = {&scene.track, NULL, 1};
    begin(&scene);
    scene.track.state = NJ_TRACK_TENTATIVE;
    see_times(&scene, 9);
    assert_int_equal(scene.count, 0);
    scene.track.state = NJ_TRACK_LOST;
    scene.track.input = -1;
    assert_int_equal(nj_stability_update(scene.stability, &one, &scene.actions, &scene.count), 0);
    assert_int_equal(scene.count, 0);
    nj_stability_flush(scene.stability, &scene.actions, &scene.count);
    assert_int_equal(scene.count, 0); // never stable: ends without a word
    nj_stability_destroy(scene.stability);
}

static void better_picture_updates_not_before_the_interval(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene);
    see_times(&scene, 4);
    scene.track.w = 14.9f; // just below the factor of 1.5
    see_times(&scene, 30);
    assert_int_equal(scene.count, 0);
    scene.track.w = 16;
    assert_int_equal(see(&scene), 1);
    assert_int_equal(scene.actions[0].kind, NJ_STABILITY_UPDATE);
    assert_int_equal(scene.actions[0].changed, NJ_STABILITY_PICTURE);
    scene.track.w = 30;
    for (int i = 0; i < 9; i++)
        assert_int_equal(see(&scene), 0);
    assert_int_equal(see(&scene), 1); // 1 s after the last one
    assert_int_equal(see(&scene), 0);
    nj_stability_destroy(scene.stability);
}

static void class_follows_the_majority(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene);
    see_times(&scene, 14);
    scene.track.class_id = 2;
    see_times(&scene, 14);
    assert_int_equal(scene.count, 0); // a draw changes nothing
    assert_int_equal(see(&scene), 1);
    assert_int_equal(scene.actions[0].changed, NJ_STABILITY_CLASS);
    assert_int_equal(scene.actions[0].class_id, 2);
    for (int32_t other = 10; other < 20; other++) {
        scene.track.class_id = other; // passing guesses do not push the winner out
        assert_int_equal(see(&scene), 0);
    }
    nj_stability_destroy(scene.stability);
}

static void zone_change_updates_the_row(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene);
    see_times(&scene, 14);
    scene.zone = 9;
    assert_int_equal(see(&scene), 1);
    assert_int_equal(scene.actions[0].changed, NJ_STABILITY_ZONE);
    assert_int_equal(scene.actions[0].zone, 9);
    nj_stability_destroy(scene.stability);
}

static void vanished_track_ends_once_with_its_last_box(void **state)
{
    (void)state;
    struct scene scene;
    const struct nj_stability_tracks one = {&scene.track, NULL, 1};
    begin(&scene);
    see_times(&scene, 5);
    scene.track.input = -1;
    scene.track.x = 999; // predicted, not seen
    assert_int_equal(nj_stability_update(scene.stability, &one, &scene.actions, &scene.count), 0);
    assert_int_equal(scene.count, 0);
    nj_stability_flush(scene.stability, &scene.actions, &scene.count);
    assert_int_equal(scene.count, 1);
    assert_int_equal(scene.actions[0].kind, NJ_STABILITY_END);
    assert_int_equal(scene.actions[0].input, -1);
    assert_int_equal(scene.actions[0].last_us, 4 * FRAME_US);
    assert_true(scene.actions[0].x < 1);
    nj_stability_flush(scene.stability, &scene.actions, &scene.count);
    assert_int_equal(scene.count, 0);
    nj_stability_destroy(scene.stability);
}

static void too_many_tracks_change_nothing(void **state)
{
    (void)state;
    struct nj_stability_options options;
    track_helper_defaults(&nj_stability_option_group, &options);
    options.max_tracks = 1;
    struct nj_stability *stability;
    assert_int_equal(nj_stability_create(&options, &stability, NULL), 0);
    struct nj_track tracks[2] = {{.id = 1}, {.id = 2}};
    const struct nj_stability_action *actions = NULL;
    size_t count = 77;
    const struct nj_stability_tracks two = {tracks, NULL, 2};
    assert_int_equal(nj_stability_update(stability, &two, &actions, &count), NJ_E_TOO_BIG);
    assert_int_equal(count, 77);
    nj_stability_destroy(stability);
    options.picture_factor = 1;
    assert_int_equal(nj_stability_create(&options, &stability, NULL), NJ_E_INVALID);
}

int stability_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(row_is_born_when_hits_and_age_are_met),
        cmocka_unit_test(tentative_or_unmatched_track_is_not_born),
        cmocka_unit_test(better_picture_updates_not_before_the_interval),
        cmocka_unit_test(class_follows_the_majority),
        cmocka_unit_test(zone_change_updates_the_row),
        cmocka_unit_test(vanished_track_ends_once_with_its_last_box),
        cmocka_unit_test(too_many_tracks_change_nothing),
    };
    return cmocka_run_group_tests_name("stability", tests, NULL, NULL);
}
