// SPDX-License-Identifier: Apache-2.0
// Live sources: frames come numbered and stamped, once or in a loop, and stop at once.
#include "loop/thread.h"
#include "sources/source_driver.h"
#include "tests/fake/temp_dir.h"
#include "tests/fake/fake_video.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

int source_test(void);

enum { KIND_FILE = NJ_SOURCE_FILE, KIND_NULL = NJ_SOURCE_NULL, DEADLINE_US = 20 * NJ_US_PER_S };

struct viewer {
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    int frames, resets;
    uint64_t last_sequence;
    nj_us last_wall_us;
    int32_t width, height;
    bool ordered;
};

static void see_frame(void *context, struct nj_frame *frame)
{
    struct viewer *viewer = context;
    pthread_mutex_lock(&viewer->mutex);
    viewer->frames++;
    viewer->ordered &= frame->sequence == viewer->last_sequence + 1;
    viewer->last_sequence = frame->sequence;
    viewer->last_wall_us = frame->captured_wall_us;
    viewer->width = frame->width;
    viewer->height = frame->height;
    pthread_cond_broadcast(&viewer->wake);
    pthread_mutex_unlock(&viewer->mutex);
}

static void see_reset(void *context)
{
    struct viewer *viewer = context;
    pthread_mutex_lock(&viewer->mutex);
    viewer->resets++;
    pthread_mutex_unlock(&viewer->mutex);
}

static void viewer_init(struct viewer *viewer)
{
    *viewer = (struct viewer){.ordered = true};
    pthread_mutex_init(&viewer->mutex, NULL);
    assert_int_equal(nj_cond_init(&viewer->wake), 0);
}

static void viewer_finish(struct viewer *viewer)
{
    pthread_cond_destroy(&viewer->wake);
    pthread_mutex_destroy(&viewer->mutex);
}

static void wait_frames(struct viewer *viewer, int frames)
{
    nj_us until_us = nj_mono_us(nj_clock_real()) + DEADLINE_US;
    pthread_mutex_lock(&viewer->mutex);
    while (viewer->frames < frames && nj_mono_us(nj_clock_real()) < until_us)
        nj_cond_wait(&viewer->wake, &viewer->mutex, until_us - nj_mono_us(nj_clock_real()));
    bool enough = viewer->frames >= frames;
    pthread_mutex_unlock(&viewer->mutex);
    assert_true(enough);
}

static struct nj_source *make(const struct nj_source_entry *entry, struct viewer *viewer)
{
    struct nj_source *source = NULL;
    struct nj_error err = {0};
    const struct nj_source_config config = {
        .entry = entry,
        .clock = nj_clock_real(),
        .sink = {.frame = see_frame, .reset = see_reset, .context = viewer},
    };
    if (nj_source_create(&config, &source, &err) != 0)
        fail_msg("%s", err.text);
    return source;
}

static void played_once_a_source_ends(void **state)
{
    static const struct nj_source_entry entry = {
        .id = "test", .kind = KIND_NULL, .path = "64x48x10"};
    struct viewer viewer;
    struct nj_source_stats stats;
    (void)state;
    viewer_init(&viewer);
    struct nj_source *source = make(&entry, &viewer);
    nj_source_get_stats(source, &stats);
    assert_int_equal(stats.state, NJ_SOURCE_STOPPED);
    assert_int_equal(nj_source_start(source, NULL), 0);
    wait_frames(&viewer, 10);
    nj_source_stop(source);
    nj_source_get_stats(source, &stats);
    assert_int_equal(viewer.frames, 10);
    assert_int_equal(viewer.resets, 0);
    assert_true(viewer.ordered);
    assert_int_equal(viewer.width, 64);
    assert_int_equal(viewer.height, 48);
    assert_true(viewer.last_wall_us > 0);
    assert_int_equal(stats.frames, 10);
    assert_int_equal(stats.last_frame_us, viewer.last_wall_us);
    nj_source_destroy(source);
    viewer_finish(&viewer);
}

static void looped_source_starts_over_and_says_so(void **state)
{
    static const struct nj_source_entry entry = {
        .id = "test", .kind = KIND_NULL, .path = "64x48x3", .loop = true};
    struct viewer viewer;
    (void)state;
    viewer_init(&viewer);
    struct nj_source *source = make(&entry, &viewer);
    assert_int_equal(nj_source_start(source, NULL), 0);
    wait_frames(&viewer, 10);
    nj_source_stop(source);
    assert_true(viewer.resets >= 3);
    assert_true(viewer.ordered);
    nj_source_destroy(source);
    viewer_finish(&viewer);
}

static void waiting_source_stops_at_once(void **state)
{
    static const struct nj_source_entry entry = {
        .id = "test", .kind = KIND_NULL, .path = "64x48x3", .paced = true, .fps = 0.001};
    struct viewer viewer;
    struct nj_source_stats stats;
    (void)state;
    viewer_init(&viewer);
    struct nj_source *source = make(&entry, &viewer);
    assert_int_equal(nj_source_start(source, NULL), 0);
    nj_source_stop(source); // its first frame is due in a thousand seconds
    nj_source_stop(source);
    nj_source_get_stats(source, &stats);
    assert_int_equal(stats.state, NJ_SOURCE_STOPPED);
    nj_source_destroy(source);
    viewer_finish(&viewer);
}

static void wrong_entries_are_refused_by_name(void **state)
{
    static const struct {
        struct nj_source_entry entry;
        int code;
        const char *named;
    } cases[] = {
        {{.id = "cam", .kind = KIND_FILE, .path = ""}, NJ_E_INVALID, "path"},
        {{.id = "cam", .kind = KIND_NULL, .path = "64x48"}, NJ_E_INVALID, "64x48"},
        {{.id = "cam", .kind = KIND_NULL, .path = "64x48x1x"}, NJ_E_INVALID, "cam"},
        {{.id = "Cam", .kind = KIND_NULL, .path = "64x48x1"}, NJ_E_INVALID, "Cam"},
        {{.id = "", .kind = KIND_NULL, .path = "64x48x1"}, NJ_E_INVALID, "id"},
        {{.id = "cam", .kind = 99, .path = "64x48x1"}, NJ_E_INVALID, "kind"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct nj_source *source = NULL;
        struct nj_error err = {0};
        const struct nj_source_config config = {.entry = &cases[i].entry, .clock = nj_clock_real()};
        assert_int_equal(nj_source_create(&config, &source, &err), cases[i].code);
        assert_null(source);
        if (!strstr(err.text, cases[i].named))
            fail_msg("\"%s\" does not name %s", err.text, cases[i].named);
    }
}

// Plays a clip of 20 frames, 10 a second, and waits for `frames` of them.
static struct nj_source_stats play_clip(struct nj_source_entry entry, struct viewer *viewer,
                                        int frames)
{
    struct nj_temp_dir dir;
    char path[NJ_TEMP_PATH_MAX];
    struct nj_source_stats stats;
    nj_temp_dir_init(&dir);
    const struct video_recipe recipe = {.path = nj_temp_dir_path(&dir, "clip.avi", path),
                                        .encoder = "mjpeg",
                                        .pixels = "yuvj420p",
                                        .width = 64,
                                        .height = 48,
                                        .frames = 20,
                                        .fps = 10,
                                        .gop = 1};
    make_video(&recipe);
    entry.id = "clip";
    entry.kind = KIND_FILE;
    entry.path = path;
    struct nj_source *source = make(&entry, viewer);
    assert_int_equal(nj_source_start(source, NULL), 0);
    wait_frames(viewer, frames);
    nj_source_stop(source);
    nj_source_get_stats(source, &stats);
    nj_source_destroy(source);
    nj_temp_dir_finish(&dir);
    return stats;
}

static void clip_plays_as_a_camera(void **state)
{
    static const struct {
        struct nj_source_entry entry;
        int wanted, least_resets;
        nj_us least_us; // real time that it must take
    } cases[] = {
        {{.path = "once, as fast as it goes"}, 20, 0, 0},
        {{.path = "thinned out to 5 a second", .fps = 5}, 10, 0, 0},
        {{.path = "in a loop", .loop = true}, 45, 2, 0},
        {{.path = "at its own pace", .paced = true}, 4, 0, 3 * NJ_US_PER_S / 10},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct viewer viewer;
        viewer_init(&viewer);
        nj_us begun_us = nj_mono_us(nj_clock_real());
        struct nj_source_stats stats = play_clip(cases[i].entry, &viewer, cases[i].wanted);
        assert_true(nj_mono_us(nj_clock_real()) - begun_us >= cases[i].least_us);
        assert_true(viewer.resets >= cases[i].least_resets);
        assert_true(viewer.ordered);
        assert_int_equal(stats.width, 64);
        assert_int_equal(stats.frames, viewer.frames);
        if (!cases[i].entry.loop && !cases[i].entry.paced)
            assert_int_equal(viewer.frames, cases[i].wanted);
        viewer_finish(&viewer);
    }
}

static void is_tried_again(const char *path)
{
    const struct nj_source_entry entry = {
        .id = "test", .kind = KIND_FILE, .path = path, .max_retries = -1};
    struct viewer viewer;
    struct nj_source_stats stats = {0};
    viewer_init(&viewer);
    struct nj_source *source = make(&entry, &viewer);
    assert_int_equal(nj_source_start(source, NULL), 0);
    nj_us until_us = nj_mono_us(nj_clock_real()) + DEADLINE_US;
    while (stats.state != NJ_SOURCE_ERROR && nj_mono_us(nj_clock_real()) < until_us) {
        sched_yield();
        nj_source_get_stats(source, &stats);
    }
    assert_int_equal(stats.state, NJ_SOURCE_ERROR);
    assert_string_not_equal(stats.reason, "");
    nj_source_stop(source);
    assert_int_equal(viewer.frames, 0);
    nj_source_destroy(source);
    viewer_finish(&viewer);
}

static void file_that_is_no_video_is_tried_again(void **state)
{
    (void)state;
    is_tried_again(NJ_TEST_SOURCE_DIR "/CMakeLists.txt");
}

static void file_that_is_not_there_yet_stops_nothing(void **state)
{
    (void)state;
    is_tried_again("/nowhere/a.avi");
}

int source_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(played_once_a_source_ends),
        cmocka_unit_test(looped_source_starts_over_and_says_so),
        cmocka_unit_test(waiting_source_stops_at_once),
        cmocka_unit_test(wrong_entries_are_refused_by_name),
        cmocka_unit_test(clip_plays_as_a_camera),
        cmocka_unit_test(file_that_is_no_video_is_tried_again),
        cmocka_unit_test(file_that_is_not_there_yet_stops_nothing),
    };
    return cmocka_run_group_tests_name("source", tests, NULL, NULL);
}
