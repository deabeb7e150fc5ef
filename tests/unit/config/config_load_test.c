// SPDX-License-Identifier: Apache-2.0
// Loading: values of every type from every source, their order, secrets, and each kind of mistake.
#include "tests/fake/temp_dir.h"
#include "tests/unit/config/options_helper.h"
#include "util/file.h"
#include "util/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

int config_load_test(void);

static void defaults_need_no_source(void **state)
{
    (void)state;
    struct nj_config *config = NULL;
    assert_int_equal(load_config(NULL, NULL, NULL, &config, NULL), 0);
    const struct batch_options *batch = batch_of(config);
    assert_int_equal(batch->window_us, 90 * NJ_US_PER_S);
    assert_int_equal(batch->max_detections, 50);
    assert_true(batch->threshold == 0.9);
    assert_true(batch->enabled);
    assert_int_equal(batch->mode, MODE_GOOD);
    assert_int_equal(batch->object_types.count, 2);
    assert_string_equal(batch->object_types.items[1], "car");
    assert_string_equal(server_of(config)->host, "127.0.0.1");
    assert_string_equal(server_of(config)->media_path, "");
    assert_int_equal(server_of(config)->api_keys.count, 0);
    nj_config_unref(config);
    nj_config_unref(NULL);
}

static const char *const yaml_text = "# a comment\n"
                                     "batch:\n"
                                     "  window_seconds: 2.5\n"
                                     "  max_detections: 7\n"
                                     "  enabled: no\n"
                                     "  mode: BEST\n"
                                     "  object_types:\n"
                                     "    - dog\n"
                                     "    - \"cat, black\"\n"
                                     "  threshold: ~\n"
                                     "server:\n"
                                     "cameras:\n"
                                     "  - name: Front Döor \xf0\x9f\x9a\xaa\n"
                                     "    fps: 15\n"
                                     "    zones: [{name: path}, {name: \"lawn\"}]\n"
                                     "  - {name: yard, labels: []}\n";

static const char *const json_text =
    "{\t\"batch\":{\"window_seconds\":2.5,\"max_detections\":7,\n\t\"enabled\":false,"
    "\"mode\":\"BEST\",\"object_types\":[\"dog\",\"cat, black\"],\"threshold\":null},"
    "\"server\":{},\"cameras\":[{\"name\":\"Front D\\u00f6or \\ud83d\\udeaa\",\"fps\":15,"
    "\"zones\":[{\"name\":\"path\"},{\"name\":\"lawn\"}]},{\"name\":\"yard\",\"labels\":[]}]}\n";

static void yaml_and_json_fill_every_type(void **state)
{
    (void)state;
    const char *const files[][2] = {{"a.yaml", yaml_text}, {"a.json", json_text}};
    for (size_t i = 0; i < NJ_COUNT_OF(files); i++) {
        struct nj_config *config = NULL;
        struct nj_error err = {0};
        if (load_text(files[i][0], files[i][1], &config, &err) != 0)
            fail_msg("%s", err.text);
        const struct batch_options *batch = batch_of(config);
        assert_int_equal(batch->window_us, 2500000);
        assert_int_equal(batch->max_detections, 7);
        assert_false(batch->enabled);
        assert_int_equal(batch->mode, MODE_BEST);
        assert_true(batch->threshold == 0.9); // null leaves the default
        assert_int_equal(batch->object_types.count, 2);
        assert_string_equal(batch->object_types.items[1], "cat, black");
        const struct camera_options *front = camera_of(config, 0);
        assert_string_equal(front->name, "Front Döor \xf0\x9f\x9a\xaa");
        assert_int_equal(front->fps, 15);
        assert_string_equal(front->labels.items[0], "person");
        assert_int_equal(front->zones.count, 2);
        assert_string_equal(((const struct zone_options *)front->zones.items)[1].name, "lawn");
        assert_int_equal(camera_of(config, 1)->labels.count, 0);
        assert_int_equal(camera_of(config, 1)->fps, 5);
        nj_config_unref(config);
    }
}

static void json_escaped_backslash_before_u_is_no_surrogate(void **state)
{
    (void)state;
    struct nj_config *config = NULL;
    struct nj_error err = {0};
    int code =
        load_text("a.json", "{\"server\":{\"host\":\"\\\\ud83d\\\\udeaa\\u0041\"}}", &config, &err);
    if (code != 0)
        fail_msg("%s", err.text);
    assert_string_equal(server_of(config)->host, "\\ud83d\\udeaaA");
    nj_config_unref(config);
}

static void later_sources_replace_earlier_ones(void **state)
{
    (void)state;
    struct nj_temp_dir dir = {0};
    nj_temp_dir_init(&dir);
    char path[NJ_TEMP_PATH_MAX];
    nj_temp_dir_path(&dir, "nightjar.yaml", path);
    const char *text = "batch: {window_seconds: 10, max_detections: 10, threshold: 0.1}\n";
    assert_int_equal(nj_file_write_atomic(path, text, strlen(text), NULL), 0);
    const char *const environment[] = {"PATH=/bin", "BATCH_WINDOW_SECONDS=20",
                                       "NIGHTJAR_BATCH_MAX_DETECTIONS=20", NULL};
    const char *const sets[] = {"batch.max_detections=29", "batch.max_detections=30", NULL};
    struct nj_config *config = NULL;
    assert_int_equal(load_config(path, environment, sets, &config, NULL), 0);
    assert_true(batch_of(config)->threshold == 0.1);
    assert_int_equal(batch_of(config)->window_us, 20 * NJ_US_PER_S);
    assert_int_equal(batch_of(config)->max_detections, 30);
    nj_config_unref(config);
    nj_temp_dir_finish(&dir);
}

static void other_defaults_give_way_to_every_source(void **state)
{
    static const char *const defaults[] = {"batch.max_detections=7", "batch.window_seconds=11",
                                           NULL};
    static const char *const sets[] = {"batch.max_detections=9", NULL};
    static const char *const wrong[] = {"batch.max_detections=none", NULL};
    struct nj_config_input input = {.groups = test_groups, .sets = sets, .defaults = defaults};
    struct nj_config *config = NULL;
    struct nj_error err;
    (void)state;
    assert_int_equal(nj_config_load(&input, &config, &err), 0);
    assert_int_equal(batch_of(config)->max_detections, 9);
    assert_int_equal(batch_of(config)->window_us, 11 * NJ_US_PER_S);
    nj_config_unref(config);
    input.defaults = wrong;
    assert_int_equal(nj_config_load(&input, &config, &err), NJ_E_INVALID);
}

static void lists_in_the_environment_are_commas_or_json(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t count;
        const char *last;
    } cases[] = {
        {"FAST_PATH_OBJECT_TYPES=[\"person\"]", 1, "person"},
        {"FAST_PATH_OBJECT_TYPES=[\"person\",\"a, b\"]", 2, "a, b"},
        {"FAST_PATH_OBJECT_TYPES=person", 1, "person"},
        {"FAST_PATH_OBJECT_TYPES= person ,,  dog cat,", 2, "dog cat"},
        {"FAST_PATH_OBJECT_TYPES=", 0, NULL},
        {"FAST_PATH_OBJECT_TYPES=[]", 0, NULL},
    };
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        const char *const environment[] = {cases[i].text, NULL};
        struct nj_config *config = NULL;
        assert_int_equal(load_config(NULL, environment, NULL, &config, NULL), 0);
        const struct nj_text_list *list = &batch_of(config)->object_types;
        assert_int_equal(list->count, cases[i].count);
        if (cases[i].last)
            assert_string_equal(list->items[list->count - 1], cases[i].last);
        nj_config_unref(config);
    }
}

static void objects_may_stand_in_a_set(void **state)
{
    (void)state;
    const char *const sets[] = {"cameras.list=[{name: gate, fps: 3}]", NULL};
    struct nj_config *config = NULL;
    assert_int_equal(load_config(NULL, NULL, sets, &config, NULL), 0);
    assert_string_equal(camera_of(config, 0)->name, "gate");
    assert_int_equal(camera_of(config, 0)->fps, 3);
    nj_config_unref(config);
}

static void secrets_follow_env_and_file(void **state)
{
    (void)state;
    struct nj_temp_dir dir = {0};
    nj_temp_dir_init(&dir);
    char path[NJ_TEMP_PATH_MAX];
    nj_temp_dir_path(&dir, "key", path);
    assert_int_equal(nj_file_write_atomic(path, "s3cret\r\n", 8, NULL), 0);
    char keys[NJ_TEMP_PATH_MAX + 64];
    snprintf(keys, sizeof(keys), "server.api_keys=plain,env:KEY,file:%s", path);
    const char *const environment[] = {"KEY=from env", "SERVER_PASSWORD=env:KEY", NULL};
    const char *const sets[] = {keys, NULL};
    struct nj_config *config = NULL;
    struct nj_error err = {0};
    if (load_config(NULL, environment, sets, &config, &err) != 0)
        fail_msg("%s", err.text);
    assert_string_equal(server_of(config)->password, "from env");
    assert_int_equal(server_of(config)->api_keys.count, 3);
    assert_string_equal(server_of(config)->api_keys.items[0], "plain");
    assert_string_equal(server_of(config)->api_keys.items[1], "from env");
    assert_string_equal(server_of(config)->api_keys.items[2], "s3cret");
    nj_config_unref(config);
    nj_temp_dir_finish(&dir);
}

static void texts_that_are_no_secrets_keep_their_prefix(void **state)
{
    (void)state;
    const char *const sets[] = {"server.host=env:HOME", NULL};
    struct nj_config *config = NULL;
    assert_int_equal(load_config(NULL, NULL, sets, &config, NULL), 0);
    assert_string_equal(server_of(config)->host, "env:HOME");
    nj_config_unref(config);
}

struct mistake {
    const char *text; // file content, environment entry or --set
    const char *message;
};

static void check_mistake(int code, const struct nj_config *config, const struct nj_error *err,
                          const struct mistake *mistake)
{
    if (code != NJ_E_INVALID || config)
        fail_msg("accepted: %s", mistake->text);
    assert_int_equal(err->code, NJ_E_INVALID);
    assert_string_equal(err->text, mistake->message);
}

static void mistakes_in_a_file_say_line_column_and_what_is_allowed(void **state)
{
    (void)state;
    static const struct mistake cases[] = {
        {"batch:\n  window_seconds: soon\n",
         "f.yaml:2:19: batch.window_seconds: expected a number of seconds, got \"soon\""},
        {"batch:\n  window_seconds: 0\n", "f.yaml:2:19: batch.window_seconds: 0 is out of range; "
                                          "it must be 1 to 3600 s"},
        {"batch:\n  window_seconds: 3600.5\n", "f.yaml:2:19: batch.window_seconds: 3600.5 is out "
                                               "of range; it must be 1 to 3600 s"},
        {"batch: {max_detections: 5.5}\n",
         "f.yaml:1:25: batch.max_detections: expected a whole number, got \"5.5\""},
        {"batch: {enabled: maybe}\n",
         "f.yaml:1:18: batch.enabled: expected true or false, got \"maybe\""},
        {"batch: {mode: bets}\n",
         "f.yaml:1:15: batch.mode: expected one of fast, good, best, got \"bets\""},
        {"batch: {object_types: [a, b, c, d, e]}\n",
         "f.yaml:1:23: batch.object_types: it has 5 items; it must have 0 to 4 items"},
        {"batch: {object_types: [a, [b]]}\n",
         "f.yaml:1:27: batch.object_types: expected a text in the list, got a list"},
        {"batch: {object_types: {a: b}}\n",
         "f.yaml:1:23: batch.object_types: expected a list, got a mapping"},
        {"batch: {mode: [fast]}\n", "f.yaml:1:15: batch.mode: expected a single value, got a list"},
        {"server: {media_path: \"\"}\n",
         "f.yaml:1:22: server.media_path: it is empty; it must have at least 1 bytes"},
        {"batch:\n  windw_seconds: 5\n",
         "f.yaml:2:3: batch.windw_seconds: unknown setting; did you mean window_seconds?"},
        {"server:\n  threshold: 1\n",
         "f.yaml:2:3: server.threshold: unknown setting; did you mean batch.threshold?"},
        {"server:\n  zzzzzz: 1\n", "f.yaml:2:3: server.zzzzzz: unknown setting"},
        {"batch:\n  mde: fast\n", "f.yaml:2:3: batch.mde: unknown setting; did you mean mode?"},
        {"batch:\n  foo: 1\n", "f.yaml:2:3: batch.foo: unknown setting"},
        {"bacth:\n  mode: fast\n",
         "f.yaml:1:1: bacth: unknown group of settings; did you mean batch?"},
        {"batch: 5\n", "f.yaml:1:8: batch: expected a mapping of settings, got a single value"},
        {"batch: [5]\n", "f.yaml:1:8: batch: expected a mapping of settings, got a list"},
        {"- batch\n", "f.yaml:1:1: expected a mapping of groups, got a list"},
        {"batch\n", "f.yaml:1:1: expected a mapping, such as \"group:\" with its settings"},
        {"cameras:\n  - name: a\n    fsp: 4\n",
         "f.yaml:3:5: cameras[0].fsp: unknown setting; did you mean fps?"},
        {"cameras:\n  - name: a\n  - fps: 4\n", "f.yaml:3:5: cameras[1]: name must be given"},
        {"cameras:\n  - name: a\n    zones: [{}]\n",
         "f.yaml:3:13: cameras[0].zones[0]: name must be given"},
        {"cameras: [{name: a, fps: 99}]\n",
         "f.yaml:1:26: cameras[0].fps: 99 is out of range; it must be 1 to 60"},
        {"cameras: [a]\n", "f.yaml:1:11: cameras[0]: expected a mapping, got a single value"},
        {"cameras: {list: [{name: a}, {name: b}, {name: c}, {name: d}]}\n",
         "f.yaml:1:17: cameras.list: it has 4 items; it must have 0 to 3 items"},
        {"cameras: {list: everything}\n",
         "f.yaml:1:17: cameras.list: expected a list of mappings, such as [{name: value}], got "
         "\"everything\""},
    };
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        struct nj_config *config = NULL;
        struct nj_error err = {0};
        int code = load_text("f.yaml", cases[i].text, &config, &err);
        check_mistake(code, config, &err, &cases[i]);
    }
}

static void mistakes_in_the_environment_name_the_variable(void **state)
{
    (void)state;
    static const struct mistake cases[] = {
        {"BATCH_WINDOW_SECONDS=x", "environment BATCH_WINDOW_SECONDS: batch.window_seconds: "
                                   "expected a number of seconds, got \"x\""},
        {"BATCH_WINDOW_SECONDS=", "environment BATCH_WINDOW_SECONDS: batch.window_seconds: "
                                  "expected a number of seconds, got \"\""},
        {"NIGHTJAR_BATCH_MOED=fast", "environment NIGHTJAR_BATCH_MOED: unknown setting; did you "
                                     "mean NIGHTJAR_BATCH_MODE?"},
        {"NIGHTJAR_BATCH_FOO=1", "environment NIGHTJAR_BATCH_FOO: unknown setting"},
        {"NIGHTJAR_BATCH_SIZE=1", "environment NIGHTJAR_BATCH_SIZE: unknown setting"},
        {"NIGHTJAR_BTACH_MODE=fast",
         "environment NIGHTJAR_BTACH_MODE: unknown setting; did you mean NIGHTJAR_BATCH_MODE?"},
        {"NIGHTJAR_BATCH_WINDOW_SECONDS=5",
         "environment NIGHTJAR_BATCH_WINDOW_SECONDS: unknown setting; did you mean "
         "BATCH_WINDOW_SECONDS?"},
        {"FAST_PATH_OBJECT_TYPES=[\"a\"",
         "environment FAST_PATH_OBJECT_TYPES: while parsing a flow sequence, did not find "
         "expected ',' or ']'"},
        {"NIGHTJAR_SERVER_HOST=\xff", "environment NIGHTJAR_SERVER_HOST: server.host: the text "
                                      "is not UTF-8"},
    };
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        const char *const environment[] = {cases[i].text, NULL};
        struct nj_config *config = NULL;
        struct nj_error err = {0};
        int code = load_config(NULL, environment, NULL, &config, &err);
        check_mistake(code, config, &err, &cases[i]);
    }
}

static void mistakes_in_a_set_name_it(void **state)
{
    (void)state;
    static const struct mistake cases[] = {
        {"batch.mode=x", "--set: batch.mode: expected one of fast, good, best, got \"x\""},
        {"batch.mod=x", "--set: batch.mod: unknown setting; did you mean mode?"},
        {"btach.mode=x", "--set: btach.mode: unknown group of settings; did you mean batch?"},
        {"batch.mode", "--set: expected group.name=value"},
        {"batch=1", "--set: expected group.name=value"},
        {"", "--set: expected group.name=value"},
    };
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        const char *const sets[] = {cases[i].text, NULL};
        struct nj_config *config = NULL;
        struct nj_error err = {0};
        int code = load_config(NULL, NULL, sets, &config, &err);
        check_mistake(code, config, &err, &cases[i]);
    }
}

static void mistakes_in_a_secret_never_show_it(void **state)
{
    (void)state;
    static const struct mistake cases[] = {
        {"SERVER_PASSWORD=hu2", "environment SERVER_PASSWORD: server.password: it has 3 bytes; "
                                "it must have 4 to 100 bytes"},
        {"SERVER_PASSWORD=env:NOT_THERE",
         "environment SERVER_PASSWORD: server.password: the environment has no NOT_THERE, to "
         "which env: refers"},
    };
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        const char *const environment[] = {cases[i].text, NULL};
        struct nj_config *config = NULL;
        struct nj_error err = {0};
        int code = load_config(NULL, environment, NULL, &config, &err);
        check_mistake(code, config, &err, &cases[i]);
    }
    const char *const sets[] = {"server.password=file:/nonexistent/key", NULL};
    struct nj_config *config = NULL;
    struct nj_error err = {0};
    assert_int_equal(load_config(NULL, NULL, sets, &config, &err), NJ_E_INVALID);
    assert_non_null(strstr(err.text, "server.password: file: cannot be read: "));
    assert_non_null(strstr(err.text, "/nonexistent/key"));
}

static void missing_file_is_named(void **state)
{
    (void)state;
    struct nj_config *config = NULL;
    struct nj_error err = {0};
    assert_int_equal(load_config("/nonexistent/nightjar.yaml", NULL, NULL, &config, &err),
                     NJ_E_NOT_FOUND);
    assert_non_null(strstr(err.text, "/nonexistent/nightjar.yaml"));
    assert_null(config);
}

static void wrong_default_in_a_table_is_our_own_bug(void **state)
{
    (void)state;
    static const struct nj_option table[] = {
        {.name = "count", .type = NJ_OPTION_INT, .min = 1, .max = 5, .fallback = "6", .help = ""},
    };
    static const struct nj_option_group group = {"wrong", "Wrong", table, 1, sizeof(int64_t)};
    const struct nj_option_group *const groups[] = {&group, NULL};
    const struct nj_config_input input = {.groups = groups};
    struct nj_config *config = NULL;
    struct nj_error err = {0};
    assert_int_equal(nj_config_load(&input, &config, &err), NJ_E_INTERNAL);
    assert_int_equal(err.code, NJ_E_INTERNAL);
    assert_string_equal(err.text, "default: wrong.count: 6 is out of range; it must be 1 to 5");
}

int config_load_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_need_no_source),
        cmocka_unit_test(yaml_and_json_fill_every_type),
        cmocka_unit_test(json_escaped_backslash_before_u_is_no_surrogate),
        cmocka_unit_test(later_sources_replace_earlier_ones),
        cmocka_unit_test(other_defaults_give_way_to_every_source),
        cmocka_unit_test(lists_in_the_environment_are_commas_or_json),
        cmocka_unit_test(objects_may_stand_in_a_set),
        cmocka_unit_test(secrets_follow_env_and_file),
        cmocka_unit_test(texts_that_are_no_secrets_keep_their_prefix),
        cmocka_unit_test(mistakes_in_a_file_say_line_column_and_what_is_allowed),
        cmocka_unit_test(mistakes_in_the_environment_name_the_variable),
        cmocka_unit_test(mistakes_in_a_set_name_it),
        cmocka_unit_test(mistakes_in_a_secret_never_show_it),
        cmocka_unit_test(missing_file_is_named),
        cmocka_unit_test(wrong_default_in_a_table_is_our_own_bug),
    };
    return cmocka_run_group_tests_name("config_load", tests, NULL, NULL);
}
