// SPDX-License-Identifier: Apache-2.0
// Small parts of the folder source: the set of known files, and opening below a root.
#include "sources/beneath_priv.h"
#include "sources/media_kind_priv.h"
#include "sources/seen_set_priv.h"
#include "tests/fake/temp_dir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int parts_test(void);

static struct nj_seen_key key_of(const struct nj_seen_set *set, int number)
{
    char path[32];
    (void)snprintf(path, sizeof path, "/cameras/cam/%d.jpg", number);
    return nj_seen_set_key(set, path, number, 7);
}

static void set_holds_what_was_added_and_not_removed(void **state)
{
    enum { COUNT = 20000 };
    struct nj_seen_set set;
    (void)state;
    assert_int_equal(nj_seen_set_init(&set), 0);
    assert_false(nj_seen_set_has(&set, key_of(&set, 0)));
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(nj_seen_set_add(&set, key_of(&set, i)), 0);
    assert_int_equal(nj_seen_set_add(&set, key_of(&set, 0)), 0); // twice is once
    assert_int_equal(set.count, COUNT);
    for (int i = 0; i < COUNT; i += 2)
        nj_seen_set_remove(&set, key_of(&set, i));
    nj_seen_set_remove(&set, key_of(&set, COUNT)); // never was there
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(nj_seen_set_has(&set, key_of(&set, i)), i % 2);
    assert_int_equal(set.count, COUNT / 2);
    nj_seen_set_finish(&set);
}

static void any_other_fact_is_another_file(void **state)
{
    struct nj_seen_set set;
    (void)state;
    assert_int_equal(nj_seen_set_init(&set), 0);
    assert_int_equal(nj_seen_set_add(&set, nj_seen_set_key(&set, "/c/a.jpg", 5, 7)), 0);
    assert_true(nj_seen_set_has(&set, nj_seen_set_key(&set, "/c/a.jpg", 5, 7)));
    assert_false(nj_seen_set_has(&set, nj_seen_set_key(&set, "/c/b.jpg", 5, 7)));
    assert_false(nj_seen_set_has(&set, nj_seen_set_key(&set, "/c/a.jpg", 7, 5)));
    assert_false(nj_seen_set_has(&set, nj_seen_set_key(&set, "/c/a.jpg", 5, 8)));
    assert_false(nj_seen_set_has(&set, nj_seen_set_key(&set, "/c/a.jpgx", 5, 7)));
    nj_seen_set_finish(&set);
}

static void no_way_leads_out_of_the_root(void **state)
{
    struct nj_temp_dir dir;
    char path[NJ_TEMP_PATH_MAX], target[NJ_TEMP_PATH_MAX];
    static const struct {
        const char *path;
        int flags, problem; // 0: it opens
    } cases[] = {
        {"", O_RDONLY | O_DIRECTORY, 0}, {"sub", O_RDONLY | O_DIRECTORY, 0},
        {"sub/file", O_RDONLY, 0},       {"sub/none", O_RDONLY, ENOENT},
        {"sub/link", O_RDONLY, ELOOP},   {"linked/file", O_RDONLY, ELOOP},
        {"../outside", O_RDONLY, EXDEV}, {"sub/file/x", O_RDONLY, ENOTDIR},
    };
    (void)state;
    nj_temp_dir_init(&dir);
    assert_int_equal(mkdir(nj_temp_dir_path(&dir, "root", path), 0755), 0);
    int root_fd = open(path, O_RDONLY | O_DIRECTORY);
    assert_int_equal(mkdir(nj_temp_dir_path(&dir, "root/sub", path), 0755), 0);
    assert_int_equal(close(creat(nj_temp_dir_path(&dir, "root/sub/file", path), 0644)), 0);
    assert_int_equal(close(creat(nj_temp_dir_path(&dir, "outside", target), 0644)), 0);
    assert_int_equal(symlink(target, nj_temp_dir_path(&dir, "root/sub/link", path)), 0);
    assert_int_equal(symlink("sub", nj_temp_dir_path(&dir, "root/linked", path)), 0);
    for (size_t i = 0; i < 2 * (sizeof cases / sizeof cases[0]); i++) {
        int (*how)(int, const char *, int) = i % 2 ? nj_beneath_open_walk : nj_beneath_open;
        int fd = how(root_fd, cases[i / 2].path, cases[i / 2].flags);
        int problem = fd < 0 ? errno : 0;
        if (problem != cases[i / 2].problem)
            fail_msg("\"%s\": %s", cases[i / 2].path, strerror(problem));
        if (fd >= 0)
            assert_int_equal(close(fd), 0);
    }
    assert_int_equal(close(root_fd), 0);
    nj_temp_dir_finish(&dir);
}

static void names_tell_the_kind_in_any_case(void **state)
{
    static const struct {
        const char *name;
        enum nj_media_kind kind;
    } cases[] = {
        {"a.jpg", NJ_MEDIA_IMAGE}, {"a.JPEG", NJ_MEDIA_IMAGE}, {"a.Png", NJ_MEDIA_IMAGE},
        {"a.mp4", NJ_MEDIA_VIDEO}, {"a.MKV", NJ_MEDIA_VIDEO},  {"a.avi", NJ_MEDIA_VIDEO},
        {"a.mov", NJ_MEDIA_VIDEO}, {"a.gif", NJ_MEDIA_NONE},   {"jpg", NJ_MEDIA_NONE},
        {".a.jpg", NJ_MEDIA_NONE}, {"a.jpg~", NJ_MEDIA_NONE},  {"", NJ_MEDIA_NONE},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(nj_media_kind_of_name(cases[i].name), cases[i].kind);
}

int parts_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_holds_what_was_added_and_not_removed),
        cmocka_unit_test(any_other_fact_is_another_file),
        cmocka_unit_test(no_way_leads_out_of_the_root),
        cmocka_unit_test(names_tell_the_kind_in_any_case),
    };
    return cmocka_run_group_tests_name("parts", tests, NULL, NULL);
}
