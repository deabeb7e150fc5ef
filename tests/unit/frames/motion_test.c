// SPDX-License-Identifier: Apache-2.0
// The motion gate on made scenes: stillness with noise, walkers, light, masks, sizes and timing.
#include "frames/motion.h"

#include "util/rng.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

int motion_test(void);

enum { WIDTH = 640, HEIGHT = 480, FRAME_US = 100000 };

static const struct nj_motion_options defaults = {.enabled = true,
                                                  .threshold = 5,
                                                  .min_area = 0.0003,
                                                  .light_change_area = 0.4,
                                                  .recalibrate_us = 1000000,
                                                  .max_skip_us = 2000000,
                                                  .hold_us = 1000000};

struct scene {
    struct nj_motion *motion;
    struct nj_frame *frame;
    struct nj_rng rng;
    double walker_x; // left edge; below 0: nobody
    double light;    // levels added everywhere
    int noise;       // +- levels of every pixel
};

static void scene_init(struct scene *scene, const struct nj_motion_options *options)
{
    *scene = (struct scene){.walker_x = -1, .noise = 4};
    nj_rng_seed(&scene->rng, 5);
    assert_int_equal(nj_motion_create(options, NULL, 0, &scene->motion, NULL), 0);
    assert_int_equal(nj_frame_allocate(WIDTH, HEIGHT, NJ_PIXEL_GRAY, &scene->frame), 0);
}

static void scene_finish(struct scene *scene)
{
    nj_motion_destroy(scene->motion);
    nj_frame_unref(scene->frame);
}

static void paint(struct scene *scene)
{
    uint8_t *pixels = (uint8_t *)(uintptr_t)scene->frame->planes[0];
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++) {
            bool walker = scene->walker_x >= 0 && x >= scene->walker_x &&
                          x < scene->walker_x + 24 && y >= 200 && y < 260;
            int level = walker ? 90 : 110 + (x / 40 + y / 40) % 2 * 30;
            int noise =
                (int)nj_rng_below(&scene->rng, (uint64_t)scene->noise * 2 + 1) - scene->noise;
            level += noise + (int)scene->light;
            pixels[y * scene->frame->strides[0] + x] = (uint8_t)(level < 0     ? 0
                                                                 : level > 255 ? 255
                                                                               : level);
        }
}

static struct nj_motion_result step(struct scene *scene)
{
    struct nj_motion_result result;
    paint(scene);
    scene->frame->captured_mono_us += FRAME_US;
    assert_int_equal(nj_motion_check(scene->motion, scene->frame, &result), 0);
    return result;
}

static void settle(struct scene *scene)
{
    for (int i = 0; i < 30; i++)
        (void)step(scene);
}

static void still_frames_are_skipped_but_for_one_each_max_skip(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene, &defaults);
    for (int i = 0; i < 10; i++) { // the first second is learning
        struct nj_motion_result result = step(&scene);
        assert_int_equal(result.verdict, NJ_MOTION_CALIBRATING);
        assert_true(result.infer);
    }
    settle(&scene);
    int inferred = 0;
    for (int i = 0; i < 200; i++) {
        struct nj_motion_result result = step(&scene);
        assert_int_equal(result.verdict, NJ_MOTION_STILL);
        assert_float_equal(result.box.w, 0, 0);
        inferred += result.infer;
    }
    assert_int_equal(inferred, 10); // 20 s, every 2 s
    scene_finish(&scene);
}

static void slow_walker_is_seen_all_the_way(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene, &defaults);
    settle(&scene);
    scene.walker_x = 100;
    int lost = 0;
    for (int i = 0; i < 600; i++) { // half a pixel a frame
        scene.walker_x += 0.5;
        struct nj_motion_result result = step(&scene);
        lost += !result.infer;
        if (result.verdict == NJ_MOTION_MOVING) {
            assert_true(result.box.x <= (float)scene.walker_x + 24);
            assert_true(result.box.y >= 192 && result.box.y + result.box.h <= 272);
        }
    }
    assert_int_equal(lost, 0);
    scene_finish(&scene);
}

static void who_comes_and_stands_becomes_background_and_his_leaving_is_motion(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene, &defaults);
    settle(&scene);
    scene.walker_x = 300;
    int moving = 0;
    for (int i = 0; i < 40; i++)
        moving += step(&scene).verdict == NJ_MOTION_MOVING;
    assert_in_range(moving, 10, 16);
    scene.walker_x = 304;
    assert_int_equal(step(&scene).verdict, NJ_MOTION_MOVING);
    scene_finish(&scene);
}

static void inference_is_held_after_the_last_motion(void **state)
{
    (void)state;
    struct nj_motion_options options = defaults;
    options.max_skip_us = 3600 * (nj_us)NJ_US_PER_S;
    struct scene scene;
    scene_init(&scene, &options);
    settle(&scene);
    assert_false(step(&scene).infer);
    scene.walker_x = 300;
    assert_int_equal(step(&scene).verdict, NJ_MOTION_MOVING);
    scene.walker_x = -1;
    struct nj_motion_result result = step(&scene);
    int held = 0;
    for (; result.infer && held < 100; held++)
        result = step(&scene);
    assert_in_range(held, 9, 12); // a second, and a frame or two of ghost
    scene_finish(&scene);
}

static void sudden_light_is_learned_anew_and_not_motion(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene, &defaults);
    settle(&scene);
    scene.light = 40;
    for (int i = 0; i < 10; i++) {
        struct nj_motion_result result = step(&scene);
        assert_int_equal(result.verdict, NJ_MOTION_CALIBRATING);
        assert_true(result.infer);
    }
    for (int i = 0; i < 10; i++)
        assert_int_equal(step(&scene).verdict, NJ_MOTION_STILL);
    scene_finish(&scene);
}

static void slow_light_is_not_motion_and_hides_no_walker(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene, &defaults);
    settle(&scene);
    int moving = 0;
    for (int i = 0; i < 100; i++) {
        scene.light += 0.4; // a cloud goes: 4 levels a second
        moving += step(&scene).verdict != NJ_MOTION_STILL;
    }
    assert_int_equal(moving, 0);
    for (int i = 0; i < 50; i++) {
        scene.light -= 0.4;
        scene.walker_x = 200 + i;
        moving += step(&scene).verdict == NJ_MOTION_MOVING;
    }
    assert_true(moving >= 49);
    scene_finish(&scene);
}

static void one_block_alone_is_noise(void **state)
{
    (void)state;
    struct nj_motion_options options = defaults;
    options.min_area = 0;
    struct scene scene;
    scene_init(&scene, &options);
    settle(&scene);
    for (int round = 0; round < 2; round++) {
        paint(&scene);
        uint8_t *pixels = (uint8_t *)(uintptr_t)scene.frame->planes[0];
        for (int y = 80; y < 88; y++)
            memset(pixels + y * scene.frame->strides[0] + 160, 250, round ? 16 : 8);
        struct nj_motion_result result;
        scene.frame->captured_mono_us += FRAME_US;
        assert_int_equal(nj_motion_check(scene.motion, scene.frame, &result), 0);
        assert_int_equal(result.verdict, round ? NJ_MOTION_MOVING : NJ_MOTION_STILL);
        if (round == 1) {
            assert_float_equal(result.box.x, 160, 0);
            assert_float_equal(result.box.y, 80, 0);
            assert_float_equal(result.box.w, 16, 0);
            assert_float_equal(result.box.h, 8, 0);
            assert_float_equal(result.changed_area, 2.0 / (80 * 60), 1e-6);
        }
    }
    scene_finish(&scene);
}

static void motion_under_a_mask_is_ignored_by_block_centres(void **state)
{
    (void)state;
    static const float band[] = {0, 0.4F, 1, 0.4F, 1, 0.6F, 0, 0.6F};
    static const float half[] = {0, 0, 0.5F, 0, 0.5F, 1, 0, 1};
    // The same outline twice covers nothing.
    static const float twice[] = {0, 0, 1, 0, 1, 1, 0, 1, 0, 0, 1, 0, 1, 1, 0, 1};
    static const struct {
        struct nj_polygon mask;
        double x;
        enum nj_motion_verdict want;
    } cases[] = {{{band, 4}, 300, NJ_MOTION_STILL},
                 {{half, 4}, 200, NJ_MOTION_STILL},
                 {{half, 4}, 400, NJ_MOTION_MOVING},
                 {{twice, 8}, 300, NJ_MOTION_MOVING}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct scene scene;
        scene_init(&scene, &defaults);
        nj_motion_destroy(scene.motion);
        assert_int_equal(nj_motion_create(&defaults, &cases[i].mask, 1, &scene.motion, NULL), 0);
        settle(&scene);
        scene.walker_x = cases[i].x;
        assert_int_equal(step(&scene).verdict, cases[i].want);
        scene_finish(&scene);
    }
}

static void masks_of_no_area_are_refused(void **state)
{
    (void)state;
    static const float line[] = {0, 0, 1, 1};
    struct nj_polygon mask = {line, 2};
    struct nj_motion *motion = NULL;
    assert_int_equal(nj_motion_create(&defaults, &mask, 1, &motion, NULL), NJ_E_INVALID);
    assert_null(motion);
}

static void change_of_size_and_reset_learn_anew(void **state)
{
    (void)state;
    struct scene scene;
    scene_init(&scene, &defaults);
    settle(&scene);
    assert_int_equal(step(&scene).verdict, NJ_MOTION_STILL);
    nj_motion_reset(scene.motion);
    assert_int_equal(step(&scene).verdict, NJ_MOTION_CALIBRATING);
    settle(&scene);
    static const int32_t sizes[][2] = {{320, 240}, {7, 5}, {8, 8}, {641, 479}};
    for (size_t i = 0; i < 4; i++) {
        struct nj_frame *other = NULL;
        assert_int_equal(nj_frame_allocate(sizes[i][0], sizes[i][1], NJ_PIXEL_RGB24, &other), 0);
        memset((uint8_t *)(uintptr_t)other->planes[0], 100,
               (size_t)(other->strides[0] * other->height));
        other->captured_mono_us = scene.frame->captured_mono_us;
        struct nj_motion_result result;
        assert_int_equal(nj_motion_check(scene.motion, other, &result), 0);
        assert_int_equal(result.verdict, NJ_MOTION_CALIBRATING);
        assert_true(result.infer);
        nj_frame_unref(other);
    }
    scene_finish(&scene);
}

static void disabled_gate_infers_everything(void **state)
{
    (void)state;
    struct nj_motion_options options = defaults;
    options.enabled = false;
    struct scene scene;
    scene_init(&scene, &options);
    for (int i = 0; i < 50; i++)
        assert_true(step(&scene).infer);
    scene_finish(&scene);
}

static void option_table_carries_these_defaults(void **state)
{
    (void)state;
    static const char *const fallbacks[] = {"true", "5", "0.0003", "0.4", "1", "2", "1"};
    assert_int_equal(nj_motion_option_group.count, 7);
    for (size_t i = 0; i < 7; i++)
        assert_string_equal(nj_motion_option_group.options[i].fallback, fallbacks[i]);
}

int motion_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(still_frames_are_skipped_but_for_one_each_max_skip),
        cmocka_unit_test(slow_walker_is_seen_all_the_way),
        cmocka_unit_test(who_comes_and_stands_becomes_background_and_his_leaving_is_motion),
        cmocka_unit_test(inference_is_held_after_the_last_motion),
        cmocka_unit_test(sudden_light_is_learned_anew_and_not_motion),
        cmocka_unit_test(slow_light_is_not_motion_and_hides_no_walker),
        cmocka_unit_test(one_block_alone_is_noise),
        cmocka_unit_test(motion_under_a_mask_is_ignored_by_block_centres),
        cmocka_unit_test(masks_of_no_area_are_refused),
        cmocka_unit_test(change_of_size_and_reset_learn_anew),
        cmocka_unit_test(disabled_gate_infers_everything),
        cmocka_unit_test(option_table_carries_these_defaults),
    };
    return cmocka_run_group_tests_name("motion", tests, NULL, NULL);
}
