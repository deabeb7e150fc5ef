// SPDX-License-Identifier: Apache-2.0
// Unplug, freeze, reboot and change of resolution, over and over, on many cameras beside each
// other: all come back soon, and neither memory nor descriptors grow. 24 of each; with NJ_LONG set
// in the environment 1,000.
#include "tests/fake/progress.h"
#include "tests/fake/rtsp_camera.h"
#include "tests/fake/test_video.h"
#include "tests/unit/sources/streams_helper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int source_rtsp_faults_test(void);

enum {
    CAMERAS = 32,
    ROUNDS = 3, // a quarter of the cameras has each fault in each round
    ROUNDS_LONG = 125,
    WARM_PART = 5, // of the rounds, at least one, come before memory is looked at
    SOON_MS = 20000,
    DOWN_MS = 250,
    RECONNECT_US = 100 * NJ_US_PER_MS,
    BACK_US = 2 * NJ_US_PER_S, // beside the pauses before new tries
    WIDTH_SMALL = 320,
    WIDTH_WIDE = 640,
    LATE_PART = 100, // of the returns may be late: a machine under load stands still for seconds
    GROWTH_MAX_BYTES = 32 * 1024 * 1024,
};

enum fault { UNPLUG, FREEZE, REBOOT, RESIZE, FAULTS };

// The pauses, with jitter of at most their own length: before the first try, and when one failed
// while the camera was down twice as much before the second.
static const struct {
    const char *name;
    nj_us pauses_us;
} faults[FAULTS] = {
    [UNPLUG] = {"unplugged", 2 * RECONNECT_US},
    [FREEZE] = {"frozen", 2 * RECONNECT_US},
    [REBOOT] = {"rebooted", 6 * RECONNECT_US},
    [RESIZE] = {"changed its size", 0},
};

struct cam {
    struct nj_hub_user user;
    char name[16], url[NJ_TEST_CAMERA_URL_MAX];
    struct nj_source_entry entry;
    bool wide;
    nj_us ended_us; // when the fault did
};

struct yard {
    struct nj_test_camera *camera;
    struct nj_hub_bench hub;
    struct cam cams[CAMERAS];
    nj_us worst_us[FAULTS]; // from a fault's end to a picture
    int late[FAULTS];
    char small[NJ_TEMP_PATH_MAX], wide[NJ_TEMP_PATH_MAX];
};

static nj_us now_us(void)
{
    return nj_mono_us(nj_clock_real());
}

static void open_cam(struct yard *yard, int number)
{
    struct cam *cam = &yard->cams[number];
    struct nj_error err = {0};
    (void)snprintf(cam->name, sizeof cam->name, "cam%d", number);
    const struct nj_test_camera_mount mount = {.name = cam->name, .file = yard->small};
    assert_int_equal(nj_test_camera_add(yard->camera, &mount, NULL), 0);
    nj_test_camera_url(yard->camera, "rtsp", cam->name, NULL, cam->url);
    cam->entry = (struct nj_source_entry){.id = cam->name,
                                          .kind = NJ_SOURCE_RTSP,
                                          .url = cam->url,
                                          .keyframes_when_still = number % 2 == 0,
                                          .reconnect_us = RECONNECT_US,
                                          .max_retries = -1};
    nj_hub_user_init(&cam->user);
    if (nj_hub_join(&yard->hub, &cam->entry, 0, &cam->user, &err) != 0)
        fail_msg("%s", err.text);
}

static bool has_frame_since(struct nj_hub_user *user, int width)
{
    struct cam *cam = NJ_CONTAINER_OF(user, struct cam, user);
    pthread_mutex_lock(&user->mutex);
    bool has = user->last_us > cam->ended_us && user->width == width;
    pthread_mutex_unlock(&user->mutex);
    return has;
}

static void begin_fault(struct yard *yard, struct cam *cam, enum fault fault)
{
    struct nj_error err = {0};
    int rc = 0;
    if (fault == UNPLUG)
        rc = nj_test_camera_drop(yard->camera, cam->name);
    else if (fault == FREEZE)
        rc = nj_test_camera_freeze(yard->camera, cam->name, true);
    else if (fault == REBOOT)
        rc = nj_test_camera_reboot(yard->camera, cam->name, DOWN_MS);
    else
        rc = nj_test_camera_switch(yard->camera, cam->name, cam->wide ? yard->small : yard->wide,
                                   &err);
    cam->wide = fault == RESIZE ? !cam->wide : cam->wide;
    cam->ended_us = now_us() + (fault == REBOOT ? DOWN_MS * NJ_US_PER_MS : 0);
    if (rc != 0)
        fail_msg("%s: %d %s", cam->name, rc, err.text);
}

static void see_back(struct yard *yard, struct cam *cam, enum fault fault)
{
    struct nj_source_stats stats;
    int width = cam->wide ? WIDTH_WIDE : WIDTH_SMALL;
    if (!nj_hub_until(&yard->hub, has_frame_since, &cam->user, width, SOON_MS)) {
        nj_stream_get_stats(cam->user.user, &stats);
        fail_msg("%s, %s, stays away: state %d, %s", cam->name, faults[fault].name, stats.state,
                 stats.reason);
    }
    nj_us away_us = now_us() - cam->ended_us;
    if (away_us > yard->worst_us[fault])
        yard->worst_us[fault] = away_us;
    yard->late[fault] += away_us > BACK_US + faults[fault].pauses_us;
    // Told that it is well again, before the next round looks for a failure.
    assert_true(nj_hub_until(&yard->hub, nj_hub_has_state, &cam->user, NJ_SOURCE_ACTIVE, SOON_MS));
}

// Told that it failed; by now it may be trying again.
static bool is_missed(struct nj_hub_user *user, int value)
{
    (void)value;
    return !nj_hub_has_state(user, NJ_SOURCE_ACTIVE);
}

static void run_round(struct yard *yard, int round)
{
    for (int i = 0; i < CAMERAS; i++)
        begin_fault(yard, &yard->cams[i], (enum fault)((i + round) % FAULTS));
    for (int i = 0; i < CAMERAS; i++)
        if ((i + round) % FAULTS != FREEZE)
            see_back(yard, &yard->cams[i], (enum fault)((i + round) % FAULTS));
    for (int i = 0; i < CAMERAS; i++) {
        struct cam *cam = &yard->cams[i];
        if ((i + round) % FAULTS != FREEZE)
            continue;
        assert_true(nj_hub_until(&yard->hub, is_missed, &cam->user, 0, SOON_MS));
        assert_int_equal(nj_test_camera_freeze(yard->camera, cam->name, false), 0);
        cam->ended_us = now_us();
        see_back(yard, cam, FREEZE);
    }
}

static void open_yard(struct yard *yard)
{
    static const struct nj_test_camera_options plain = {.host = NULL};
    nj_test_video("small", yard->small);
    nj_test_video("small-wide", yard->wide);
    assert_int_equal(nj_test_camera_create(&plain, &yard->camera, NULL), 0);
    nj_hub_init(&yard->hub, true);
    yard->hub.options.max_streams = CAMERAS;
    for (int i = 0; i < CAMERAS; i++)
        open_cam(yard, i);
    for (int i = 0; i < CAMERAS; i++) // their pace is known from then on
        assert_true(nj_hub_until(&yard->hub, nj_hub_has_frames, &yard->cams[i].user, 5, SOON_MS));
}

static void close_yard(struct yard *yard)
{
    for (int i = 0; i < CAMERAS; i++)
        nj_hub_user_finish(&yard->cams[i].user);
    nj_hub_finish(&yard->hub);
    nj_test_camera_destroy(yard->camera);
    free(yard);
}

static void judge(const struct yard *yard, int each, const struct nj_process_stats *before,
                  const struct nj_process_stats *after)
{
    double grown_bytes = after->resident_bytes - before->resident_bytes;
    print_message("%d of each fault, memory %+.1f MB, descriptors %+.0f\n", each,
                  grown_bytes / 1048576, after->open_fds - before->open_fds);
    for (int i = 0; i < FAULTS; i++)
        print_message("%s: back after %.2f s at worst, %d late\n", faults[i].name,
                      (double)yard->worst_us[i] / NJ_US_PER_S, yard->late[i]);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    for (int i = 0; i < FAULTS; i++)
        assert_true(yard->late[i] <= each / LATE_PART);
    assert_true(grown_bytes < GROWTH_MAX_BYTES);
#endif
    // A connection of each side may be on its way out.
    assert_true(after->open_fds <= before->open_fds + 4);
}

static void cameras_come_back_and_nothing_grows(void **state)
{
    struct nj_process_stats before = {0}, after;
    struct yard *yard = calloc(1, sizeof *yard);
    struct nj_progress progress;
    int rounds = getenv("NJ_LONG") ? ROUNDS_LONG : ROUNDS;
    (void)state;
    assert_non_null(yard);
    open_yard(yard);
    nj_progress_begin(&progress, "source faults, round", (uint64_t)rounds);
    for (int round = 0; round < rounds; round++) {
        if (round == (rounds < WARM_PART ? 1 : rounds / WARM_PART))
            nj_process_stats_read(&before);
        run_round(yard, round);
        nj_progress_tell(&progress, (uint64_t)round + 1);
    }
    nj_process_stats_read(&after);
    judge(yard, rounds * CAMERAS / FAULTS, &before, &after);
    close_yard(yard);
}

int source_rtsp_faults_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cameras_come_back_and_nothing_grows),
    };
    return cmocka_run_group_tests_name("source rtsp faults", tests, NULL, NULL);
}
