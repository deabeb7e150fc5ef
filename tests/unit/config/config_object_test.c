// SPDX-License-Identifier: Apache-2.0
// Objects that come from clients are checked as strictly as the configuration.
#include "config/config_object.h"
#include "tests/unit/config/options_helper.h"
#include "util/buf.h"
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
        cmocka_unit_test(written_objects_hide_secrets),
    };
    return cmocka_run_group_tests_name("config_object", config_object, NULL, NULL);
}
