// SPDX-License-Identifier: Apache-2.0
// Snapshots: counting, comparing for a reload, and what they show.
#include "tests/unit/config/options_helper.h"
#include "util/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <jansson.h>

#include <string.h>

int config_test(void);

static struct nj_config *load_set(const char *set)
{
    const char *const sets[] = {set, NULL};
    struct nj_config *config = NULL;
    struct nj_error err = {0};
    if (load_config(NULL, NULL, set ? sets : NULL, &config, &err) != 0)
        fail_msg("%s", err.text);
    return config;
}

static void snapshot_lives_until_its_last_reader(void **state)
{
    (void)state;
    struct nj_config *config = load_set("server.host=example.org");
    const struct server_options *server = server_of(nj_config_ref(config));
    nj_config_unref(config);
    assert_string_equal(server->host, "example.org");
    nj_config_unref(config);
}

static void group_that_was_not_loaded_is_null(void **state)
{
    (void)state;
    static const struct nj_option_group other = {.name = "other"};
    struct nj_config *config = load_set(NULL);
    assert_null(nj_config_get(config, &other));
    nj_config_unref(config);
}

static void change_is_seen_in_every_type_and_only_in_its_group(void **state)
{
    (void)state;
    static const struct {
        const char *set;
        const struct nj_option_group *group;
        const char *fixed; // NULL: may change while running
    } cases[] = {
        {"batch.window_seconds=91", &batch_group, NULL},
        {"batch.max_detections=51", &batch_group, NULL},
        {"batch.threshold=0.8", &batch_group, "batch.threshold"},
        {"batch.enabled=false", &batch_group, "batch.enabled"},
        {"batch.mode=fast", &batch_group, "batch.mode"},
        {"batch.object_types=person", &batch_group, "batch.object_types"},
        {"batch.object_types=person,cat", &batch_group, "batch.object_types"},
        {"server.host=::1", &server_group, "server.host"},
        {"server.media_path=/m", &server_group, "server.media_path"},
        {"server.password=12345", &server_group, "server.password"},
        {"cameras.list=[{name: a}]", &cameras_group, "cameras.list"},
    };
    struct nj_config *before = load_set(NULL);
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        struct nj_config *after = load_set(cases[i].set);
        for (size_t k = 0; test_groups[k]; k++) {
            const char *fixed = "untouched";
            bool changed = nj_config_changed(before, after, test_groups[k], &fixed);
            assert_int_equal(changed, test_groups[k] == cases[i].group);
            if (!changed || !cases[i].fixed)
                assert_null(fixed);
            else
                assert_string_equal(fixed, cases[i].fixed);
        }
        nj_config_unref(after);
    }
    nj_config_unref(before);
}

static void change_deep_inside_of_objects_is_seen(void **state)
{
    (void)state;
    struct nj_config *a = load_set("cameras.list=[{name: a, zones: [{name: x}]}]");
    struct nj_config *b = load_set("cameras.list=[{name: a, zones: [{name: y}]}]");
    struct nj_config *c = load_set("cameras.list=[{zones: [{name: y}], name: a}]");
    assert_true(nj_config_changed(a, b, &cameras_group, NULL));
    assert_false(nj_config_changed(b, c, &cameras_group, NULL));
    nj_config_unref(a);
    nj_config_unref(b);
    nj_config_unref(c);
}

static void json_shows_all_values_and_no_secret(void **state)
{
    (void)state;
    const char *const sets[] = {
        "server.password=hunter22", "server.api_keys=hunter23",
        "cameras.list=[{name: a, url: \"rtsp://u:hunter24@h/\"}, {name: b}]",
        "batch.window_seconds=2.5", NULL};
    struct nj_config *config = NULL;
    assert_int_equal(load_config(NULL, NULL, sets, &config, NULL), 0);
    struct nj_buf buf;
    nj_buf_init(&buf, 1 << 16);
    nj_config_to_json(config, &buf);
    assert_int_equal(nj_buf_failed(&buf), 0);
    assert_null(strstr(buf.data, "hunter"));
    json_t *shown = json_loads(buf.data, 0, NULL);
    json_t *expected =
        json_pack("{s:{s:f,s:i,s:f,s:b,s:s,s:[s,s]},s:{s:s,s:s,s:s,s:s},"
                  "s:{s:[{s:s,s:s,s:i,s:[s],s:[]},{s:s,s:n,s:i,s:[s],s:[]}]}}",
                  "batch", "window_seconds", 2.5, "max_detections", 50, "threshold", 0.9, "enabled",
                  1, "mode", "good", "object_types", "person", "car", "server", "host", "127.0.0.1",
                  "media_path", "", "password", "***", "api_keys", "***", "cameras", "list", "name",
                  "a", "url", "***", "fps", 5, "labels", "person", "zones", "name", "b", "url",
                  "fps", 5, "labels", "person", "zones");
    assert_non_null(shown);
    assert_non_null(expected);
    assert_true(json_equal(shown, expected));
    json_decref(shown);
    json_decref(expected);
    nj_buf_finish(&buf);
    nj_config_unref(config);
}

int config_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(snapshot_lives_until_its_last_reader),
        cmocka_unit_test(group_that_was_not_loaded_is_null),
        cmocka_unit_test(change_is_seen_in_every_type_and_only_in_its_group),
        cmocka_unit_test(change_deep_inside_of_objects_is_seen),
        cmocka_unit_test(json_shows_all_values_and_no_secret),
    };
    return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
