// SPDX-License-Identifier: Apache-2.0
// The option tables: defaults, the names of the environment, and the list of sources.
#include "config/config.h"
#include "sources/folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

int sources_options_test(void);

static const struct nj_option_group *const groups[] = {&nj_folder_option_group,
                                                       &nj_sources_option_group, NULL};

static struct nj_config *load(const char *const *environment, const char *const *sets)
{
    struct nj_config *config = NULL;
    struct nj_error err = {0};
    const struct nj_config_input input = {
        .groups = groups, .environment = environment, .sets = sets};
    if (nj_config_load(&input, &config, &err) != 0)
        fail_msg("%s", err.text);
    return config;
}

static void defaults_are_those_of_the_rules(void **state)
{
    struct nj_config *config = load(NULL, NULL);
    const struct nj_folder_options *folder = nj_config_get(config, &nj_folder_option_group);
    const struct nj_sources_options *sources = nj_config_get(config, &nj_sources_option_group);
    (void)state;
    assert_string_equal(folder->root, "cameras");
    assert_false(folder->polling);
    assert_int_equal(folder->polling_interval_us, NJ_US_PER_S);
    assert_int_equal(folder->dedupe_ttl_us, 300 * (nj_us)NJ_US_PER_S);
    assert_int_equal(folder->settle_us, 2 * NJ_US_PER_S);
    assert_int_equal(folder->min_image_bytes, 10240);
    assert_int_equal(folder->min_video_bytes, 1024);
    assert_int_equal(sources->list.count, 0);
    nj_config_unref(config);
}

static void environment_sets_them_by_the_known_names(void **state)
{
    static const char *const environment[] = {
        "FOSCAM_BASE_PATH=/export/foscam",   "FILE_WATCHER_POLLING=true",
        "FILE_WATCHER_POLLING_INTERVAL=0.5", "DEDUPE_TTL_SECONDS=60",
        "CAMERA_OFFLINE_AFTER_SECONDS=90",   NULL};
    struct nj_config *config = load(environment, NULL);
    const struct nj_folder_options *folder = nj_config_get(config, &nj_folder_option_group);
    const struct nj_sources_options *sources = nj_config_get(config, &nj_sources_option_group);
    (void)state;
    assert_string_equal(folder->root, "/export/foscam");
    assert_true(folder->polling);
    assert_int_equal(folder->polling_interval_us, NJ_US_PER_S / 2);
    assert_int_equal(folder->dedupe_ttl_us, 60 * (nj_us)NJ_US_PER_S);
    assert_int_equal(sources->offline_after_us, 90 * (nj_us)NJ_US_PER_S);
    nj_config_unref(config);
}

static void list_of_sources_fills_their_entries(void **state)
{
    static const char *const sets[] = {
        "sources.list=[{\"id\": \"street\", \"path\": \"vtest.avi\", \"fps\": 5,"
        " \"masks\": [\"0,0 1,0 1,0.2\"]}]",
        NULL};
    struct nj_config *config = load(NULL, sets);
    const struct nj_sources_options *sources = nj_config_get(config, &nj_sources_option_group);
    const struct nj_source_entry *entry = sources->list.items;
    (void)state;
    assert_int_equal(sources->list.count, 1);
    assert_string_equal(entry->id, "street");
    assert_string_equal(entry->name, "");
    assert_int_equal(entry->kind, 0);
    assert_string_equal(entry->path, "vtest.avi");
    assert_true(entry->loop);
    assert_true(entry->paced);
    assert_true(entry->fps > 4.9 && entry->fps < 5.1);
    assert_int_equal(entry->masks.count, 1);
    nj_config_unref(config);
}

static void times_outside_their_range_are_refused(void **state)
{
    static const char *const sets[][2] = {{"folder.dedupe_ttl_seconds=59", NULL},
                                          {"folder.dedupe_ttl_seconds=3601", NULL},
                                          {"sources.list=[{\"kind\": \"rtsp\"}]", NULL}};
    (void)state;
    for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++) {
        struct nj_config *config = NULL;
        const struct nj_config_input input = {.groups = groups, .sets = sets[i]};
        assert_int_equal(nj_config_load(&input, &config, NULL), NJ_E_INVALID);
    }
}

int sources_options_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_those_of_the_rules),
        cmocka_unit_test(environment_sets_them_by_the_known_names),
        cmocka_unit_test(list_of_sources_fills_their_entries),
        cmocka_unit_test(times_outside_their_range_are_refused),
    };
    return cmocka_run_group_tests_name("sources_options", tests, NULL, NULL);
}
