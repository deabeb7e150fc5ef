// SPDX-License-Identifier: Apache-2.0
// RTSP cameras that lose packets, change what they send, or mean harm.
#include "tests/fake/rtsp_camera.h"
#include "tests/fake/test_video.h"
#include "tests/unit/sources/streams_helper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

int source_rtsp_hostile_test(void);

enum { SOON_MS = 20000 };

struct scene {
    struct nj_test_camera *camera;
    struct nj_hub_bench hub;
    struct nj_hub_user user;
    struct nj_source_entry entry;
    char url[NJ_TEST_CAMERA_URL_MAX];
    char file[NJ_TEMP_PATH_MAX];
};

static void open_scene(struct scene *scene, struct nj_test_camera_mount mount, const char *video)
{
    static const struct nj_test_camera_options plain = {.host = NULL};
    struct nj_error err = {0};
    *scene = (struct scene){.camera = NULL};
    mount.name = "cam";
    mount.file = nj_test_video(video, scene->file);
    if (nj_test_camera_create(&plain, &scene->camera, &err) != 0 ||
        nj_test_camera_add(scene->camera, &mount, &err) != 0)
        fail_msg("%s", err.text);
    nj_hub_init(&scene->hub, true);
    nj_hub_user_init(&scene->user);
    nj_test_camera_url(scene->camera, "rtsp", "cam", NULL, scene->url);
    scene->entry = (struct nj_source_entry){.id = "cam",
                                            .kind = NJ_SOURCE_RTSP,
                                            .url = scene->url,
                                            .reconnect_us = 100 * NJ_US_PER_MS,
                                            .max_retries = -1};
    if (nj_hub_join(&scene->hub, &scene->entry, 0, &scene->user, &err) != 0)
        fail_msg("%s", err.text);
}

static void close_scene(struct scene *scene)
{
    nj_hub_user_finish(&scene->user);
    nj_hub_finish(&scene->hub);
    nj_test_camera_destroy(scene->camera);
}

static void wait_frames(struct scene *scene, int more)
{
    const int frames = nj_hub_user_frames(&scene->user) + more;
    struct nj_source_stats stats;
    if (nj_hub_until(&scene->hub, nj_hub_has_frames, &scene->user, frames, SOON_MS))
        return;
    nj_stream_get_stats(scene->user.user, &stats);
    fail_msg("%d frames, state %d: %s", nj_hub_user_frames(&scene->user), stats.state,
             stats.reason);
}

static bool has_lost(struct nj_hub_user *user, int packets)
{
    struct nj_source_stats stats;
    nj_stream_get_stats(user->user, &stats);
    return stats.packets_lost >= (uint64_t)packets;
}

static void wait_lost(struct scene *scene, int packets)
{
    if (!nj_hub_until(&scene->hub, has_lost, &scene->user, packets, SOON_MS))
        fail_msg("fewer than %d lost packets are told", packets);
}

static void set_faults(struct scene *scene, struct nj_test_camera_faults faults)
{
    assert_int_equal(nj_test_camera_set_faults(scene->camera, "cam", &faults), 0);
}

static void lost_packets_are_told_as_many_as_they_are(void **state)
{
    struct scene scene;
    struct nj_test_camera_stats sent;
    struct nj_source_stats stats;
    (void)state;
    open_scene(&scene, (struct nj_test_camera_mount){.speed = 16}, "small");
    wait_frames(&scene, 5);
    set_faults(&scene, (struct nj_test_camera_faults){.lose_every = 5});
    wait_lost(&scene, 50);
    set_faults(&scene, (struct nj_test_camera_faults){0});
    assert_int_equal(nj_test_camera_get_stats(scene.camera, "cam", &sent), 0);
    wait_lost(&scene, (int)sent.packets_lost);
    wait_frames(&scene, 10); // and no more
    nj_stream_get_stats(scene.user.user, &stats);
    assert_int_equal(stats.packets_lost, sent.packets_lost);
    assert_int_equal(stats.restarts, 0);
    close_scene(&scene);
}

static void first_picture_is_whole_though_each_slice_is_marked(void **state)
{
    struct nj_frame *first[2];
    (void)state;
    for (int marked = 0; marked < 2; marked++) {
        struct scene scene;
        open_scene(
            &scene,
            (struct nj_test_camera_mount){.speed = 0.02, .faults = {.mark_slices = marked == 1}},
            "small-slices");
        wait_frames(&scene, 1);
        assert_int_equal(nj_hub_user_frames(&scene.user), 1);
        first[marked] = nj_stream_newest(scene.user.user);
        assert_non_null(first[marked]);
        close_scene(&scene);
    }
    assert_int_equal(first[0]->height, first[1]->height);
    for (int row = 0; row < first[0]->height; row++)
        if (memcmp(first[0]->planes[0] + row * first[0]->strides[0],
                   first[1]->planes[0] + row * first[1]->strides[0], (size_t)first[0]->width) != 0)
            fail_msg("row %d is another one", row);
    nj_frame_unref(first[0]);
    nj_frame_unref(first[1]);
}

static struct nj_source_stats stats_of(const struct scene *scene)
{
    struct nj_source_stats stats;
    nj_stream_get_stats(scene->user.user, &stats);
    return stats;
}

static void another_payload_type_in_mid_stream_is_told_and_got_over(void **state)
{
    struct scene scene;
    (void)state;
    open_scene(&scene, (struct nj_test_camera_mount){.speed = 4}, "small");
    wait_frames(&scene, 20);
    set_faults(&scene, (struct nj_test_camera_faults){.payload_type = 98});
    assert_true(nj_hub_until(&scene.hub, nj_hub_has_state, &scene.user, NJ_SOURCE_ERROR, SOON_MS));
    assert_non_null(strstr(scene.user.state.reason, "no picture"));
    const int frames = nj_hub_user_frames(&scene.user);
    set_faults(&scene, (struct nj_test_camera_faults){0});
    wait_frames(&scene, 20);
    assert_true(nj_hub_user_frames(&scene.user) >= frames + 20);
    assert_int_equal(stats_of(&scene).packets_lost, 0); // nothing of it can be told from here
    close_scene(&scene);
}

static bool has_restarted(struct nj_hub_user *user, int times)
{
    struct nj_source_stats stats;
    nj_stream_get_stats(user->user, &stats);
    return stats.restarts >= (uint64_t)times;
}

// A picture in 3.3 s instead of 60 a second: what is known of its pace says that it is frozen.
static void camera_that_became_slow_is_taken_as_slow(void **state)
{
    struct scene scene;
    (void)state;
    open_scene(&scene, (struct nj_test_camera_mount){.speed = 4}, "small");
    wait_frames(&scene, 20);
    const struct nj_test_camera_mount slow = {.name = "cam", .file = scene.file, .speed = 0.02};
    assert_int_equal(nj_test_camera_remove(scene.camera, "cam"), 0);
    assert_int_equal(nj_test_camera_add(scene.camera, &slow, NULL), 0);
    assert_true(nj_hub_until(&scene.hub, has_restarted, &scene.user, 1, SOON_MS));
    const uint64_t before = stats_of(&scene).restarts;
    wait_frames(&scene, 4); // one, and three of the session in which it is known
    assert_true(stats_of(&scene).restarts <= before + 2);
    close_scene(&scene);
}

static void timestamps_that_jump_by_hours_stop_nothing(void **state)
{
    struct scene scene;
    (void)state;
    open_scene(&scene, (struct nj_test_camera_mount){.speed = 4, .faults = {.jump_stamps = true}},
               "small");
    wait_frames(&scene, 120); // eight jumps, and the file's end
    const struct nj_source_stats stats = stats_of(&scene);
    assert_int_equal(stats.state, NJ_SOURCE_ACTIVE);
    assert_int_equal(stats.restarts, 0);
    assert_int_equal(stats.dropped, 0);
    assert_int_equal(stats.packets_lost, 0);
    assert_int_equal(nj_hub_user_resets(&scene.user), 0);
    close_scene(&scene);
}

static void another_size_each_second_is_shown_each_time(void **state)
{
    enum { TIMES = 6 };
    struct scene scene;
    char wide[NJ_TEMP_PATH_MAX];
    (void)state;
    nj_test_video("small-wide", wide);
    open_scene(&scene, (struct nj_test_camera_mount){.speed = 1}, "small");
    wait_frames(&scene, 1);
    for (int i = 0; i < TIMES; i++) {
        const char *file = i % 2 == 0 ? wide : scene.file;
        assert_int_equal(nj_test_camera_switch(scene.camera, "cam", file, NULL), 0);
        if (!nj_hub_until(&scene.hub, nj_hub_has_width, &scene.user, i % 2 == 0 ? 640 : 320,
                          SOON_MS))
            fail_msg("size %d is not shown", i);
        wait_frames(&scene, 10);
    }
    assert_int_equal(nj_hub_user_resets(&scene.user), TIMES);
    assert_int_equal(stats_of(&scene).restarts, 0);
    assert_int_equal(stats_of(&scene).dropped, 0);
    close_scene(&scene);
}

int source_rtsp_hostile_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_picture_is_whole_though_each_slice_is_marked),
        cmocka_unit_test(lost_packets_are_told_as_many_as_they_are),
        cmocka_unit_test(another_payload_type_in_mid_stream_is_told_and_got_over),
        cmocka_unit_test(camera_that_became_slow_is_taken_as_slow),
        cmocka_unit_test(timestamps_that_jump_by_hours_stop_nothing),
        cmocka_unit_test(another_size_each_second_is_shown_each_time),
    };
    return cmocka_run_group_tests_name("source rtsp hostile", tests, NULL, NULL);
}
