// SPDX-License-Identifier: Apache-2.0
// A camera that is unplugged, freezes, reboots and changes its size, again and again: the source is
// back in time after each, and memory and descriptors stay flat. NJ_LONG=1: a thousand times.
#include "loop/thread.h"
#include "sources/sources.h"
#include "tests/camera/camera_test.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

int source_faults_test(void);

enum {
    ROUNDS = 20,
    ROUNDS_LONG = 1000,
    WARM_ROUNDS = 8, // until allocator and libraries hold what they keep
    RECONNECT_MS = 100,
    BACK_MS = 2000,           // what is allowed beside the pause before a new try
    FREEZE_NOTICED_MS = 9000, // 3 s, and what a loaded machine adds
    DOWN_MS = 200,
    GROWTH_MAX_BYTES = 8 * 1024 * 1024,
    WIDTH_SMALL = 320,
    WIDTH_LARGE = 640,
};

struct viewer {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    int64_t frames;
    int32_t width;
};

struct scene {
    struct nj_test_camera *camera;
    struct nj_source *source;
    struct viewer viewer;
    char small[NJ_TEMP_PATH_MAX], large[NJ_TEMP_PATH_MAX];
    bool is_large;
};

static void see(void *context, struct nj_frame *frame)
{
    struct viewer *viewer = context;
    pthread_mutex_lock(&viewer->mutex);
    viewer->frames++;
    viewer->width = frame->width;
    pthread_cond_broadcast(&viewer->changed);
    pthread_mutex_unlock(&viewer->mutex);
}

// Waits for two more pictures of this width; the milliseconds it took, or -1.
static int pictures_come(struct viewer *viewer, int32_t width, int timeout_ms)
{
    const struct nj_clock *clock = nj_clock_real();
    nj_us begin = nj_mono_us(clock), deadline = begin + (nj_us)timeout_ms * NJ_US_PER_MS;
    pthread_mutex_lock(&viewer->mutex);
    int64_t target = viewer->frames + 2;
    while ((viewer->frames < target || viewer->width != width) && nj_mono_us(clock) < deadline)
        (void)nj_cond_wait(&viewer->changed, &viewer->mutex, deadline - nj_mono_us(clock));
    bool come = viewer->frames >= target && viewer->width == width;
    pthread_mutex_unlock(&viewer->mutex);
    return come ? (int)((nj_mono_us(clock) - begin) / NJ_US_PER_MS) : -1;
}

static int32_t width_of(const struct scene *scene)
{
    return scene->is_large ? WIDTH_LARGE : WIDTH_SMALL;
}

// The faults return when they are over, with the tries that may have failed until then.

static int unplug(struct scene *scene)
{
    assert_int_equal(nj_test_camera_drop(scene->camera, "cam"), 0);
    return 1;
}

static int freeze(struct scene *scene)
{
    int64_t before = camera_stats(scene->camera, "cam").connections_ever;
    assert_int_equal(nj_test_camera_freeze(scene->camera, "cam", true), 0);
    assert_int_equal(nj_test_camera_wait(scene->camera, "cam", NJ_TEST_CAMERA_CONNECTIONS_EVER,
                                         before + 1, FREEZE_NOTICED_MS),
                     0);
    assert_int_equal(nj_test_camera_freeze(scene->camera, "cam", false), 0);
    return 1;
}

static int reboot(struct scene *scene)
{
    assert_int_equal(nj_test_camera_reboot(scene->camera, NULL, DOWN_MS), 0);
    return 3; // at once, and until it is up
}

static int change_size(struct scene *scene)
{
    scene->is_large = !scene->is_large;
    assert_int_equal(nj_test_camera_switch(scene->camera, "cam",
                                           scene->is_large ? scene->large : scene->small, NULL),
                     0);
    return 0;
}

static void open_scene(struct scene *scene, char *url)
{
    struct nj_error err = {0};
    scene->camera = camera_start(NULL);
    nj_test_video("small", scene->small);
    nj_test_video("small-wide", scene->large);
    camera_add(scene->camera,
               (struct nj_test_camera_mount){.name = "cam", .file = "small", .speed = 4});
    pthread_mutex_init(&scene->viewer.mutex, NULL);
    nj_cond_init(&scene->viewer.changed);
    nj_test_camera_url(scene->camera, "rtsp", "cam", NULL, url);
    static struct nj_source_entry entry; // outlives the source
    entry = (struct nj_source_entry){.id = "cam",
                                     .name = "",
                                     .kind = NJ_SOURCE_RTSP,
                                     .url = url,
                                     .username = "",
                                     .password = "",
                                     .detect_url = "",
                                     .reconnect_us = RECONNECT_MS * NJ_US_PER_MS,
                                     .max_retries = -1};
    const struct nj_source_config config = {.entry = &entry,
                                            .clock = nj_clock_real(),
                                            .sink = {.frame = see, .context = &scene->viewer}};
    if (nj_source_create(&config, &scene->source, &err) || nj_source_start(scene->source, &err))
        fail_msg("%s", err.text);
}

static void close_scene(struct scene *scene)
{
    nj_source_stop(scene->source);
    nj_source_destroy(scene->source);
    nj_test_camera_destroy(scene->camera);
    pthread_cond_destroy(&scene->viewer.changed);
    pthread_mutex_destroy(&scene->viewer.mutex);
}

static void play_round(struct scene *scene, int round)
{
    static const struct {
        const char *name;
        int (*run)(struct scene *scene);
    } faults[] = {{"unplugged", unplug},
                  {"rebooted", reboot},
                  {"changed its size", change_size},
                  {"froze", freeze}};
    size_t kind = (size_t)round % NJ_COUNT_OF(faults);
    int tries = faults[kind].run(scene);
    // The pause doubles with each try and has jitter of at most its own length.
    int allowed_ms = BACK_MS + (tries > 0 ? RECONNECT_MS << tries : 0) +
                     (faults[kind].run == reboot ? DOWN_MS : 0);
    if (pictures_come(&scene->viewer, width_of(scene), allowed_ms) >= 0)
        return;
    struct nj_source_stats stats;
    nj_source_get_stats(scene->source, &stats);
    fail_msg("round %d: no picture %d ms after the camera %s: %s", round, allowed_ms,
             faults[kind].name, stats.reason);
}

static void camera_is_back_in_time_and_nothing_grows(void **state)
{
    (void)state;
    struct scene scene = {0};
    struct nj_process_stats begin = {0}, end = {0};
    char url[NJ_TEST_CAMERA_URL_MAX];
    int rounds = getenv("NJ_LONG") ? ROUNDS_LONG : ROUNDS;
    open_scene(&scene, url);
    assert_true(pictures_come(&scene.viewer, WIDTH_SMALL, CAMERA_WAIT_MS) >= 0);
    for (int round = 0; round < rounds; round++) {
        play_round(&scene, round);
        if (round == WARM_ROUNDS - 1)
            nj_process_stats_read(&begin);
    }
    nj_process_stats_read(&end);
    // The old connection's descriptors are closed before the new one's pictures come.
    assert_true(end.open_fds <= begin.open_fds);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) // these keep memory on purpose
    assert_true(end.resident_bytes - begin.resident_bytes < GROWTH_MAX_BYTES);
#endif
    close_scene(&scene);
}

int source_faults_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(camera_is_back_in_time_and_nothing_grows),
    };
    return cmocka_run_group_tests_name("source_faults", tests, NULL, NULL);
}
