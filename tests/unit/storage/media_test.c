// SPDX-License-Identifier: Apache-2.0
// Our own pictures: names, watermark, foreign ids.
#include "storage/media.h"
#include "tests/fake/temp_dir.h"
#include "util/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int media_test(void);

static const struct nj_media_picture sample = {
    .camera_id = "front_door",
    .wall_us = 1769250600123456, // 2026-01-24T10:30:00.123456Z
    .bytes = "JPEG",
    .length = 4,
};

static void picture_lies_under_camera_and_day(void **state)
{
    (void)state;
    struct nj_temp_dir dir;
    struct nj_media *media = NULL;
    char folder[NJ_TEMP_PATH_MAX], first[4097], second[4097], start[1024], bytes[8] = "";
    nj_temp_dir_init(&dir);
    (void)nj_temp_dir_path(&dir, "a/pictures", folder);
    assert_int_equal(nj_media_create(folder, 0, &media, NULL), 0);
    assert_int_equal(nj_media_write(media, &sample, first, sizeof(first), NULL), 0);
    assert_int_equal(nj_media_write(media, &sample, second, sizeof(second), NULL), 0);
    (void)snprintf(start, sizeof(start), "%s/front_door/2026-01-24/front_door_103000_123456_",
                   nj_media_folder(media));
    assert_memory_equal(first, start, strlen(start));
    assert_string_not_equal(first, second); // same camera and time, another picture
    FILE *file = fopen(first, "rb");
    assert_non_null(file);
    assert_int_equal(fread(bytes, 1, sizeof(bytes), file), 4);
    (void)fclose(file);
    assert_memory_equal(bytes, "JPEG", 4);
    struct nj_media_stats stats;
    nj_media_get_stats(media, &stats);
    assert_int_equal(stats.written, 2);
    assert_int_equal(stats.bytes, 8);
    nj_media_destroy(media);
    nj_temp_dir_finish(&dir);
}

static void pictures_are_deleted_and_nothing_beside_them(void **state)
{
    (void)state;
    struct nj_temp_dir dir;
    struct nj_media *media = NULL;
    char folder[NJ_TEMP_PATH_MAX], path[4097], beside[NJ_TEMP_PATH_MAX], detour[8300];
    nj_temp_dir_init(&dir);
    (void)nj_temp_dir_path(&dir, "pictures", folder);
    (void)nj_temp_dir_path(&dir, "pictures.jpg", beside);
    assert_int_equal(nj_file_write_atomic(beside, "x", 1, NULL), 0);
    assert_int_equal(nj_media_create(folder, 0, &media, NULL), 0);
    assert_int_equal(nj_media_write(media, &sample, path, sizeof(path), NULL), 0);
    (void)snprintf(detour, sizeof(detour), "%s/../pictures.jpg", nj_media_folder(media));
    nj_media_delete(media, path);
    nj_media_delete(media, path); // gone already
    nj_media_delete(media, beside);
    nj_media_delete(media, detour);
    nj_media_delete(media, "");
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_equal(access(beside, F_OK), 0);
    nj_media_destroy(media);
    nj_temp_dir_finish(&dir);
}

static void below_the_watermark_pictures_are_refused_and_counted(void **state)
{
    (void)state;
    struct nj_temp_dir dir;
    struct nj_media *media = NULL;
    struct nj_error err;
    char path[4097] = "untouched";
    nj_temp_dir_init(&dir);
    assert_int_equal(nj_media_create(dir.path, 1.0, &media, NULL), 0); // no disk is all free
    assert_true(nj_media_stopped(media));
    assert_int_equal(nj_media_write(media, &sample, path, sizeof(path), &err), NJ_E_FULL);
    assert_string_equal(path, "untouched");
    struct nj_media_stats stats;
    nj_media_get_stats(media, &stats);
    assert_int_equal(stats.refused, 1);
    nj_media_destroy(media);
    assert_int_equal(nj_media_create(dir.path, 0.0, &media, NULL), 0);
    assert_false(nj_media_stopped(media));
    nj_media_destroy(media);
    nj_temp_dir_finish(&dir);
}

static void id_that_leaves_the_folder_is_refused(void **state)
{
    static const char *const ids[] = {"", "..", "a/b", "../x", "A", "a b"};
    (void)state;
    struct nj_temp_dir dir;
    struct nj_media *media = NULL;
    char path[4097];
    nj_temp_dir_init(&dir);
    assert_int_equal(nj_media_create(dir.path, 0, &media, NULL), 0);
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        struct nj_media_picture picture = sample;
        picture.camera_id = ids[i];
        assert_int_equal(nj_media_write(media, &picture, path, sizeof(path), NULL), NJ_E_INVALID);
    }
    assert_int_equal(nj_media_write(media, &sample, path, 8, NULL), NJ_E_TOO_BIG);
    nj_media_destroy(media);
    nj_media_destroy(NULL);
    nj_temp_dir_finish(&dir);
}

static void folder_removed_meanwhile_is_made_again(void **state)
{
    (void)state;
    struct nj_temp_dir dir;
    struct nj_media *media = NULL;
    char path[4097];
    nj_temp_dir_init(&dir);
    assert_int_equal(nj_media_create(dir.path, 0, &media, NULL), 0);
    assert_int_equal(nj_media_write(media, &sample, path, sizeof(path), NULL), 0);
    assert_int_equal(unlink(path), 0);
    *strrchr(path, '/') = '\0';
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(nj_media_write(media, &sample, path, sizeof(path), NULL), 0);
    assert_int_equal(access(path, F_OK), 0);
    nj_media_destroy(media);
    nj_temp_dir_finish(&dir);
}

int media_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(picture_lies_under_camera_and_day),
        cmocka_unit_test(pictures_are_deleted_and_nothing_beside_them),
        cmocka_unit_test(below_the_watermark_pictures_are_refused_and_counted),
        cmocka_unit_test(id_that_leaves_the_folder_is_refused),
        cmocka_unit_test(folder_removed_meanwhile_is_made_again),
    };
    return cmocka_run_group_tests_name("media", tests, NULL, NULL);
}
