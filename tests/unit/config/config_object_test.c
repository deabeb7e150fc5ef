// SPDX-License-Identifier: Apache-2.0
// Objects that come from clients are checked as strictly as the configuration.
#include "config/config_object.h"
#include "tests/unit/config/options_helper.h"
#include "util/buf.h"
#include "util/json_reader.h"
#include "util/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

int config_object_test(void);

static int parse(const struct nj_option_group *members, const char *json, bool references,
                 struct nj_config_object **out, struct nj_error *err)
{
    const struct nj_config_object_input input = {
        .members = members, .json = json, .length = strlen(json), .references = references};
    return nj_config_object_parse(&input, out, err);
}

static void given_members_and_defaults_fill_the_struct(void **state)
{
    (void)state;
    struct nj_config_object *object = NULL;
    struct nj_error err = {0};
    if (parse(&batch_group, "{\"window_seconds\": 2.5, \"mode\": \"best\"}", false, &object,
              &err) != 0)
        fail_msg("%s", err.text);
    const struct batch_options *batch = nj_config_object_values(object);
    assert_int_equal(batch->window_us, 2500000);
    assert_int_equal(batch->mode, MODE_BEST);
    assert_int_equal(batch->max_detections, 50);
    nj_config_object_destroy(object);
}

static void mistakes_name_the_member(void **state)
{
    (void)state;
    static const struct {
        const char *json, *message;
    } cases[] = {
        {"{\"mode\": \"bad\"}", "batch.mode: "},
        {"{\"max_detections\": 0}", "batch.max_detections: "},
        {"{\"modes\": \"good\"}", "mode"},
        {"[1]", "batch: a JSON object is wanted"},
        {"mode: good", ""},
        {"{\"mode\": \"good\", \"mode\": \"fast\"}", ""},
    };
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        struct nj_config_object *object = NULL;
        struct nj_error err = {0};
        if (parse(&batch_group, cases[i].json, false, &object, &err) == 0)
            fail_msg("%s was taken", cases[i].json);
        if (strstr(err.text, cases[i].message) == NULL)
            fail_msg("%s: %s", cases[i].json, err.text);
    }
}

static void secrets_of_clients_cannot_name_files_or_the_environment(void **state)
{
    (void)state;
    static const char *const texts[] = {"{\"password\": \"file:/etc/passwd\"}",
                                        "{\"password\": \"env:HOME\"}",
                                        "{\"api_keys\": [\"env:HOME\"]}"};
    for (size_t i = 0; i < NJ_COUNT_OF(texts); i++) {
        struct nj_config_object *object = NULL;
        struct nj_error err = {0};
        assert_int_equal(parse(&server_group, texts[i], false, &object, &err), NJ_E_INVALID);
        assert_non_null(strstr(err.text, "in the configuration only"));
    }
}

static json_t *schema_of(const struct nj_option_group *members, enum nj_schema_use use)
{
    struct nj_buf out;
    struct nj_json_writer writer;
    nj_buf_init(&out, 1 << 16);
    nj_json_init(&writer, &out);
    nj_json_object_begin(&writer, NULL);
    nj_config_object_schema(members, use, &writer);
    nj_json_object_end(&writer);
    json_t *root = json_loadb(out.data, out.length, 0, NULL);
    nj_buf_finish(&out);
    assert_non_null(root);
    return root;
}

static void schema_says_what_the_reader_takes(void **state)
{
    (void)state;
    json_t *root = schema_of(&batch_group, NJ_SCHEMA_REQUEST), *secrets;
    const char *type = NULL, *choice = NULL;
    double minimum = -1;
    int others = 1;
    assert_int_equal(json_unpack(root, "{s:b,s:{s:{s:s,s:F},s:{s:[s]}}}", "additionalProperties",
                                 &others, "properties", "max_detections", "type", &type, "minimum",
                                 &minimum, "mode", "enum", &choice),
                     0);
    assert_int_equal(others, 0);
    assert_string_equal(type, "integer");
    assert_true(minimum == 1);
    assert_string_equal(choice, "fast");
    assert_null(json_object_get(root, "required"));
    json_decref(root);
    root = schema_of(&server_group, NJ_SCHEMA_ANSWER);
    assert_int_equal(json_unpack(root, "{s:{s:{s:o}}}", "properties", "password", "type", &secrets),
                     0);
    assert_string_equal(json_string_value(json_array_get(secrets, 1)), "null");
    assert_int_equal(json_array_size(json_object_get(root, "required")), server_group.count);
    json_decref(root);
}

static void written_objects_hide_secrets(void **state)
{
    (void)state;
    struct nj_config_object *object = NULL;
    struct nj_error err = {0};
    struct nj_buf buf = {0};
    struct nj_json_writer writer;
    if (parse(&server_group, "{\"media_path\": \"a\", \"password\": \"hidden\"}", false, &object,
              &err) != 0)
        fail_msg("%s", err.text);
    nj_buf_init(&buf, 4096);
    nj_json_init(&writer, &buf);
    nj_json_object_begin(&writer, NULL);
    nj_config_object_write(&server_group, nj_config_object_values(object), &writer);
    nj_json_object_end(&writer);
    char *text = nj_buf_take(&buf, NULL);
    assert_non_null(text);
    assert_non_null(strstr(text, "\"password\":\"***\""));
    assert_null(strstr(text, "hidden"));
    free(text);
    nj_config_object_destroy(object);
}

int config_object_test(void)
{
    const struct CMUnitTest config_object[] = {
        cmocka_unit_test(given_members_and_defaults_fill_the_struct),
        cmocka_unit_test(mistakes_name_the_member),
        cmocka_unit_test(secrets_of_clients_cannot_name_files_or_the_environment),
        cmocka_unit_test(schema_says_what_the_reader_takes),
        cmocka_unit_test(written_objects_hide_secrets),
    };
    return cmocka_run_group_tests_name("config_object", config_object, NULL, NULL);
}
