// SPDX-License-Identifier: Apache-2.0
// Video files: order, time, seeking, looping, formats, rotation, damage and cancelling.
#include "frames/video.h"

#include "tests/fake/fake_video.h"

#include "tests/fake/temp_dir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

int video_test(void);

static struct nj_temp_dir folder;

static int make_folder(void **state)
{
    (void)state;
    nj_temp_dir_init(&folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    nj_temp_dir_finish(&folder);
    return 0;
}

static const char *in_folder(const char *name)
{
    static char path[NJ_TEMP_PATH_MAX];
    return nj_temp_dir_path(&folder, name, path);
}

static struct video_recipe small(const char *name)
{
    return (struct video_recipe){.path = in_folder(name),
                                 .encoder = "mpeg4",
                                 .width = 64,
                                 .height = 48,
                                 .frames = 50,
                                 .fps = 10,
                                 .gop = 12};
}

static struct nj_video *open_video(const char *name, struct nj_video_info *info)
{
    struct nj_video *video = NULL;
    struct nj_error err = {0};
    if (nj_video_open(in_folder(name), NULL, &video, info, &err) < 0)
        fail_msg("%s", err.text);
    return video;
}

static void assert_shows(const struct nj_frame *frame, int number)
{
    int want = video_level(number);
    int got = frame->planes[0][frame->height / 2 * frame->strides[0] + frame->width / 2];
    if (abs(want - got) > 2)
        fail_msg("frame %d shows %d, not %d", number, got, want);
}

static void assert_plays_whole(struct nj_video *video, int frames, int fps)
{
    for (int i = 0; i < frames; i++) {
        struct nj_frame *frame = NULL;
        nj_us pts = -1;
        if (nj_video_next(video, &frame, &pts, NULL) != 0)
            fail_msg("ends before frame %d", i);
        assert_shows(frame, i);
        assert_true(llabs(pts - i * (nj_us)NJ_US_PER_S / fps) < 2000);
        nj_frame_unref(frame);
    }
    struct nj_frame *frame = NULL;
    nj_us pts = -1;
    assert_int_equal(nj_video_next(video, &frame, &pts, NULL), NJ_E_AGAIN);
    assert_null(frame);
}

static void every_container_plays_in_order_and_again(void **state)
{
    (void)state;
    static const char *const names[] = {"a.avi", "a.mp4", "a.mkv", "a.mov"};
    for (size_t i = 0; i < 4; i++) {
        struct video_recipe recipe = small(names[i]);
        make_video(&recipe);
        struct nj_video_info info;
        struct nj_video *video = open_video(names[i], &info);
        assert_int_equal(info.width, 64);
        assert_int_equal(info.height, 48);
        assert_float_equal(info.fps, 10, 0.01);
        assert_true(llabs(info.duration_us - 5000000) < 150000);
        assert_string_equal(info.codec, "mpeg4");
        for (int round = 0; round < 3; round++) {
            assert_plays_whole(video, 50, 10);
            assert_int_equal(nj_video_rewind(video, NULL), 0);
        }
        nj_video_close(video);
    }
}

static void frame_at_a_time_is_the_one_shown_then(void **state)
{
    (void)state;
    struct video_recipe recipe = small("at.mp4");
    make_video(&recipe);
    struct nj_video *video = open_video("at.mp4", NULL);
    // Forwards, backwards, within a group, at the edges.
    static const int times_ms[] = {0, 950, 1000, 1040, 1101, 4000, 300, 310, 2999, 60000, 0, 4900};
    static const int frames[] = {0, 9, 10, 10, 11, 40, 3, 3, 29, 49, 0, 49};
    for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
        struct nj_frame *frame = NULL;
        nj_us pts;
        assert_int_equal(nj_video_at(video, times_ms[i] * (nj_us)NJ_US_PER_MS, &frame, &pts, NULL),
                         0);
        assert_shows(frame, frames[i]);
        assert_true(llabs(pts - frames[i] * 100000LL) < 2000);
        nj_frame_unref(frame);
    }
    struct nj_frame *frame = NULL; // reading goes on with the frame after it
    nj_us pts;
    assert_int_equal(nj_video_at(video, 1050 * NJ_US_PER_MS, &frame, &pts, NULL), 0);
    nj_frame_unref(frame);
    assert_int_equal(nj_video_next(video, &frame, &pts, NULL), 0);
    assert_shows(frame, 11);
    nj_frame_unref(frame);
    nj_video_close(video);
}

static void pixel_formats_become_ours(void **state)
{
    (void)state;
    static const struct {
        const char *encoder, *pixels;
        enum nj_pixel_format format;
        enum nj_pixel_range range;
    } cases[] = {
        {"mjpeg", "yuvj420p", NJ_PIXEL_I420, NJ_RANGE_FULL},
        {"mjpeg", "yuvj422p", NJ_PIXEL_I422, NJ_RANGE_FULL},
        {"ffv1", "yuv420p", NJ_PIXEL_I420, NJ_RANGE_LIMITED},
        {"ffv1", "yuv444p", NJ_PIXEL_I444, NJ_RANGE_LIMITED},
        {"ffv1", "gray", NJ_PIXEL_GRAY, NJ_RANGE_LIMITED},
        {"ffv1", "yuv410p", NJ_PIXEL_I420, NJ_RANGE_LIMITED},
        {"ffv1", "yuv411p", NJ_PIXEL_I420, NJ_RANGE_LIMITED},
        {"rawvideo", "nv12", NJ_PIXEL_I420, NJ_RANGE_LIMITED},
        {"rawvideo", "yuyv422", NJ_PIXEL_I420, NJ_RANGE_LIMITED},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct video_recipe recipe = small("format.mkv");
        recipe.encoder = cases[i].encoder;
        recipe.pixels = cases[i].pixels;
        recipe.frames = 3;
        make_video(&recipe);
        struct nj_video *video = open_video("format.mkv", NULL);
        struct nj_frame *frame = NULL;
        nj_us pts;
        assert_int_equal(nj_video_next(video, &frame, &pts, NULL), 0);
        assert_int_equal(frame->format, cases[i].format);
        assert_int_equal(frame->range, cases[i].range);
        if (strcmp(cases[i].pixels, "yuyv422") != 0) // painted as one plane, chroma included
            assert_shows(frame, 0);
        nj_video_close(video); // the frame outlives its video
        assert_int_equal(frame->planes[0][0], frame->planes[0][frame->strides[0]]);
        nj_frame_unref(frame);
    }
}

static void rotated_video_is_upright(void **state)
{
    (void)state;
    static const int rotations[] = {90, 180, 270};
    for (size_t i = 0; i < 3; i++) {
        struct video_recipe recipe = small("turned.mp4");
        recipe.rotation = rotations[i];
        recipe.frames = 2;
        make_video(&recipe);
        struct nj_video_info info;
        struct nj_video *video = open_video("turned.mp4", &info);
        struct nj_frame *frame = NULL;
        nj_us pts;
        assert_int_equal(nj_video_next(video, &frame, &pts, NULL), 0);
        assert_int_equal(frame->width, rotations[i] == 180 ? 64 : 48);
        assert_int_equal(info.width, frame->width);
        assert_int_equal(info.height, frame->height);
        assert_shows(frame, 0);
        nj_frame_unref(frame);
        nj_video_close(video);
    }
}

static void write_file(const char *name, const void *bytes, size_t length)
{
    FILE *file = fopen(in_folder(name), "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

static void what_is_no_video_is_refused_by_its_kind(void **state)
{
    (void)state;
    static const char playlist[] = "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\na.avi\n"
                                   "#EXT-X-ENDLIST\n";
    write_file("list.m3u8", playlist, sizeof(playlist) - 1);
    write_file("list.mp4", playlist, sizeof(playlist) - 1);
    write_file("text.avi", "no video at all", 15);
    write_file("empty.avi", "", 0);
    assert_int_equal(mkfifo(in_folder("pipe.avi"), 0600), 0);
    struct video_recipe sound = small("sound.mkv");
    sound.encoder = "pcm_s16le";
    make_video(&sound);
    static const struct {
        const char *name;
        int want;
    } cases[] = {{"missing.avi", NJ_E_NOT_FOUND},
                 {"list.m3u8", NJ_E_INVALID},
                 {"list.mp4", NJ_E_INVALID},
                 {"text.avi", NJ_E_INVALID},
                 {"empty.avi", NJ_E_INVALID},
                 {"pipe.avi", NJ_E_INVALID},
                 {".", NJ_E_INVALID},
                 {"sound.mkv", NJ_E_UNSUPPORTED}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct nj_video *video = NULL;
        struct nj_error err = {0};
        int result = nj_video_open(in_folder(cases[i].name), NULL, &video, NULL, &err);
        if (result != cases[i].want)
            fail_msg("%s: %d %s", cases[i].name, result, err.text);
        assert_null(video);
        assert_true(err.text[0] != '\0');
    }
    struct nj_video *video = NULL;
    assert_true(nj_video_open("http://127.0.0.1:9/a.mp4", NULL, &video, NULL, NULL) < 0);
    assert_true(nj_video_open("concat:a.avi|b.avi", NULL, &video, NULL, NULL) < 0);
}

// libavcodec keeps 4 KiB for each NAL: 800 MB of these.
static void packet_of_empty_nals_takes_no_memory(void **state)
{
    enum { NALS = 200 * 1000, GROWTH_MAX_KIB = 100 * 1024 };
    static uint8_t bytes[4 * NALS];
    struct nj_video *video = NULL;
    struct nj_frame *frame = NULL;
    struct rusage before, after;
    nj_us time_us;
    (void)state;
    for (size_t i = 0; i < NALS; i++)
        memcpy(bytes + 4 * i, "\0\0\1\x06", 4);
    make_packet_video(in_folder("nals.avi"), bytes, sizeof bytes);
    assert_int_equal(getrusage(RUSAGE_SELF, &before), 0);
    int rc = nj_video_open(in_folder("nals.avi"), NULL, &video, NULL, NULL);
    if (rc == 0)
        rc = nj_video_at(video, 0, &frame, &time_us, NULL);
    assert_int_equal(rc, NJ_E_CORRUPT);
    nj_video_close(video);
    assert_int_equal(getrusage(RUSAGE_SELF, &after), 0);
    assert_true(after.ru_maxrss - before.ru_maxrss < GROWTH_MAX_KIB);
}

static size_t read_file(const char *name, uint8_t *bytes, size_t size)
{
    FILE *file = fopen(in_folder(name), "rb");
    assert_non_null(file);
    size_t length = fread(bytes, 1, size, file);
    assert_int_equal(fclose(file), 0);
    return length;
}

// Plays until the end or an error; at most `most` frames can be in it.
static void play_out(const char *name, int most)
{
    struct nj_video *video = NULL;
    struct nj_error err = {0};
    if (nj_video_open(in_folder(name), NULL, &video, NULL, &err) < 0)
        return;
    int frames = 0;
    int result = 0;
    while (result == 0 && frames <= most) {
        struct nj_frame *frame = NULL;
        nj_us pts;
        result = nj_video_next(video, &frame, &pts, &err);
        frames += result == 0;
        nj_frame_unref(frame);
    }
    assert_true(frames <= most);
    if (result != NJ_E_AGAIN && result != NJ_E_CORRUPT && result != NJ_E_TOO_BIG &&
        result != NJ_E_UNSUPPORTED && result != NJ_E_NOMEM) // a packet of absurd length
        fail_msg("%s: %d after %d frames: %s", name, result, frames, err.text);
    nj_video_close(video);
}

static void damaged_files_end_and_never_hang(void **state)
{
    (void)state;
    static uint8_t bytes[1 << 20];
    static const char *const names[] = {"bad.avi", "bad.mp4", "bad.mkv"};
    for (size_t i = 0; i < 3; i++) {
        struct video_recipe recipe = small(names[i]);
        make_video(&recipe);
        size_t length = read_file(names[i], bytes, sizeof(bytes));
        for (size_t part = 0; part < 16; part++) {
            write_file(names[i], bytes, length * part / 16);
            play_out(names[i], 60);
        }
        uint32_t random = 12345;
        for (int round = 0; round < 40; round++) {
            static uint8_t damaged[1 << 20];
            memcpy(damaged, bytes, length);
            for (int k = 0; k < 20; k++) {
                random = random * 1664525 + 1013904223;
                damaged[random % length] = (uint8_t)(random >> 24);
            }
            write_file(names[i], damaged, length);
            play_out(names[i], 200);
        }
    }
}

static void play_to_the_end(struct nj_video *video)
{
    struct nj_frame *frame = NULL;
    nj_us pts;
    while (nj_video_next(video, &frame, &pts, NULL) == 0)
        nj_frame_unref(frame);
}

// A file that ends before its head says so is told from one that is whole.
static void cut_file_is_known_at_its_end(void **state)
{
    (void)state;
    static const struct {
        const char *name, *encoder;
    } cases[] = {{"whole.mkv", "mpeg4"}, {"whole.avi", "mjpeg"}, {"whole.mp4", "mpeg4"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct video_recipe recipe = small(cases[i].name);
        recipe.encoder = cases[i].encoder;
        recipe.pixels = strcmp(cases[i].encoder, "mjpeg") == 0 ? "yuvj420p" : NULL;
        make_video(&recipe);
        struct nj_video *video = open_video(cases[i].name, NULL);
        assert_false(nj_video_is_cut(video)); // nobody knows yet
        play_to_the_end(video);
        if (nj_video_is_cut(video))
            fail_msg("%s is whole", cases[i].name);
        nj_video_close(video);
        struct stat status;
        assert_int_equal(stat(in_folder(cases[i].name), &status), 0);
        assert_int_equal(truncate(in_folder(cases[i].name), status.st_size * 4 / 10), 0);
        if (strstr(cases[i].name, ".mp4") != NULL)
            continue; // its head stands at its end
        video = open_video(cases[i].name, NULL);
        play_to_the_end(video);
        if (!nj_video_is_cut(video))
            fail_msg("%s is cut", cases[i].name);
        nj_video_close(video);
    }
}

static void cancel_interrupts(void **state)
{
    (void)state;
    struct video_recipe recipe = small("cancel.avi");
    make_video(&recipe);
    struct nj_cancel cancel;
    nj_cancel_init(&cancel, NULL);
    struct nj_video *video = NULL;
    assert_int_equal(nj_video_open(in_folder("cancel.avi"), &cancel, &video, NULL, NULL), 0);
    nj_cancel_fire(&cancel);
    struct nj_frame *frame = NULL;
    nj_us pts;
    int result = 0;
    for (int i = 0; i < 5 && result == 0; i++) { // what is decoded already may still come
        result = nj_video_next(video, &frame, &pts, NULL);
        if (result == 0)
            nj_frame_unref(frame);
    }
    assert_int_equal(result, NJ_E_CANCELLED);
    nj_video_close(video);
    video = NULL;
    assert_int_equal(nj_video_open(in_folder("cancel.avi"), &cancel, &video, NULL, NULL),
                     NJ_E_CANCELLED);
    nj_video_close(NULL);
}

static void sample_times_cover_the_clip(void **state)
{
    (void)state;
    static const struct {
        nj_us duration, interval;
        size_t most, want;
        nj_us second, last;
    } cases[] = {
        {10000000, 2000000, 30, 5, 2000000, 8000000},
        {10000001, 2000000, 30, 6, 2000000, 10000000},
        {600000000, 2000000, 30, 30, 20000000, 580000000},
        {0, 2000000, 30, 1, 0, 0},
        {1000000, 2000000, 30, 1, 0, 0},
        {10000000, 0, 30, 1, 0, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        nj_us times[31] = {-1};
        size_t count =
            nj_video_sample_times(cases[i].duration, cases[i].interval, cases[i].most, times);
        assert_int_equal(count, cases[i].want);
        assert_int_equal(times[0], 0);
        assert_int_equal(times[count - 1], cases[i].last);
        if (count > 1)
            assert_int_equal(times[1], cases[i].second);
    }
    assert_int_equal(nj_video_sample_times(1, 1, 0, NULL), 0);
}

int video_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_container_plays_in_order_and_again),
        cmocka_unit_test(frame_at_a_time_is_the_one_shown_then),
        cmocka_unit_test(pixel_formats_become_ours),
        cmocka_unit_test(rotated_video_is_upright),
        cmocka_unit_test(what_is_no_video_is_refused_by_its_kind),
        cmocka_unit_test(packet_of_empty_nals_takes_no_memory),
        cmocka_unit_test(damaged_files_end_and_never_hang),
        cmocka_unit_test(cut_file_is_known_at_its_end),
        cmocka_unit_test(cancel_interrupts),
        cmocka_unit_test(sample_times_cover_the_clip),
    };
    return cmocka_run_group_tests_name("video", tests, make_folder, remove_folder);
}
