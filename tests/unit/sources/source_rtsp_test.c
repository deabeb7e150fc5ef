// SPDX-License-Identifier: Apache-2.0
// RTSP cameras against a test camera with faults: what plays, what is refused, and what comes back.
#include "tests/fake/rtsp_camera.h"
#include "tests/fake/test_video.h"
#include "tests/unit/sources/streams_helper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

int source_rtsp_test(void);

enum { SOON_MS = 20000 };

struct scene {
    struct nj_test_camera *camera;
    struct nj_hub_bench hub;
    struct nj_hub_user user;
    struct nj_source_entry entry;
    char url[NJ_TEST_CAMERA_URL_MAX];
    char file[NJ_TEMP_PATH_MAX];
};

static void add_mount(struct scene *scene, struct nj_test_camera_mount mount, const char *video)
{
    struct nj_error err = {0};
    mount.name = mount.name ? mount.name : "cam";
    mount.file = nj_test_video(video, scene->file);
    if (nj_test_camera_add(scene->camera, &mount, &err) != 0)
        fail_msg("%s", err.text);
}

static void open_scene(struct scene *scene, const struct nj_test_camera_options *options)
{
    static const struct nj_test_camera_options plain = {.host = NULL};
    struct nj_error err = {0};
    *scene = (struct scene){.camera = NULL};
    if (nj_test_camera_create(options ? options : &plain, &scene->camera, &err) != 0)
        fail_msg("%s", err.text);
    nj_hub_init(&scene->hub, true);
    nj_hub_user_init(&scene->user);
    scene->entry = (struct nj_source_entry){.id = "cam",
                                            .kind = NJ_SOURCE_RTSP,
                                            .url = scene->url,
                                            .username = "",
                                            .password = "",
                                            .reconnect_us = 100 * NJ_US_PER_MS,
                                            .max_retries = -1};
}

static void close_scene(struct scene *scene)
{
    nj_hub_user_finish(&scene->user);
    nj_hub_finish(&scene->hub);
    nj_test_camera_destroy(scene->camera);
}

static void join(struct scene *scene, const char *credentials)
{
    struct nj_error err = {0};
    nj_test_camera_url(scene->camera, "rtsp", "cam", credentials, scene->url);
    if (nj_hub_join(&scene->hub, &scene->entry, 0, &scene->user, &err) != 0)
        fail_msg("%s", err.text);
}

static void wait_frames(struct scene *scene, int more)
{
    int frames = nj_hub_user_frames(&scene->user) + more;
    if (nj_hub_until(&scene->hub, nj_hub_has_frames, &scene->user, frames, SOON_MS))
        return;
    struct nj_source_stats stats;
    nj_stream_get_stats(scene->user.user, &stats);
    fail_msg("%d frames, state %d: %s", nj_hub_user_frames(&scene->user), stats.state,
             stats.reason);
}

static void good_cameras_play(void **state)
{
    static const struct {
        const char *video, *credentials;
        struct nj_test_camera_mount mount;
    } cases[] = {
        {"small", NULL, {.speed = 4}},
        {"small-b", NULL, {.speed = 4}},
        {"small-audio", NULL, {.speed = 4, .audio = NJ_TEST_CAMERA_AAC}},
        {"small", NULL, {.speed = 4, .audio = NJ_TEST_CAMERA_PCMU}},
        {"small", "u:p", {.speed = 4, .auth = NJ_TEST_CAMERA_BASIC, .user = "u", .password = "p"}},
        {"small",
         "u:p%40%2F:",
         {.speed = 4, .auth = NJ_TEST_CAMERA_DIGEST, .user = "u", .password = "p@/:"}},
        {"small",
         "u:p",
         {.speed = 4, .auth = NJ_TEST_CAMERA_DIGEST_QOP, .user = "u", .password = "p"}},
        {"small", NULL, {.speed = 4, .faults = {.sdp = NJ_TEST_CAMERA_SDP_NO_SPROP}}},
        {"small", NULL, {.speed = 4, .faults = {.sdp = NJ_TEST_CAMERA_SDP_BAD_SPROP}}},
        {"small", NULL, {.speed = 4, .faults = {.join_mid_gop = true}}},
        {"small", NULL, {.speed = 4, .faults = {.lose_every = 40}}},
        {"small", NULL, {.speed = 4, .faults = {.corrupt_every = 40}}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct scene scene;
        struct nj_source_stats stats;
        open_scene(&scene, NULL);
        add_mount(&scene, cases[i].mount, cases[i].video);
        join(&scene, cases[i].credentials);
        wait_frames(&scene, 40);
        nj_stream_get_stats(scene.user.user, &stats);
        assert_int_equal(stats.state, NJ_SOURCE_ACTIVE);
        assert_int_equal(stats.restarts, 0);
        assert_true(stats.fps > 1);
        assert_true(scene.user.width > 0 && scene.user.width == stats.width);
        close_scene(&scene);
    }
}

int source_rtsp_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_cameras_play),
    };
    return cmocka_run_group_tests_name("source rtsp", tests, NULL, NULL);
}
