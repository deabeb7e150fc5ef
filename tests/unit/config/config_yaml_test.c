// SPDX-License-Identifier: Apache-2.0
// What the reader of files refuses, and its limits.
#include "tests/unit/config/options_helper.h"
#include "util/buf.h"
#include "util/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

int config_yaml_test(void);

static void empty_files_are_fine(void **state)
{
    (void)state;
    static const char *const texts[] = {"",
                                        "\n",
                                        "# nothing\n",
                                        "---\n",
                                        "{}\n",
                                        "null\n",
                                        "%YAML 1.1\n---\nbatch:\n...\n",
                                        "\357\273\277batch:\n"};
    for (size_t i = 0; i < NJ_COUNT_OF(texts); i++) {
        struct nj_config *config = NULL;
        struct nj_error err = {0};
        if (load_text("f.yaml", texts[i], &config, &err) != 0)
            fail_msg("%zu: %s", i, err.text);
        nj_config_unref(config);
    }
}

static void foreign_features_are_refused_where_they_stand(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *text;
        const char *message;
    } cases[] = {
        {"f.yaml", "batch:\n  mode: fast\n  mode: good\n", "f.yaml:3:3: mode is given twice"},
        {"f.yaml", "batch:\nserver:\nbatch:\n", "f.yaml:3:1: batch is given twice"},
        {"f.yaml", "batch: &a\n  mode: fast\n",
         "f.yaml:1:8: anchors and tags are not used here; write the value out"},
        {"f.yaml", "batch:\n  mode: &a fast\n",
         "f.yaml:2:9: anchors and tags are not used here; write the value out"},
        {"f.yaml", "batch:\n  mode: *a\n",
         "f.yaml:2:9: aliases are not used here; write the value out"},
        {"f.yaml", "batch:\n  mode: !!str fast\n",
         "f.yaml:2:9: anchors and tags are not used here; write the value out"},
        {"f.yaml", "batch:\n  mode: ! fast\n",
         "f.yaml:2:9: anchors and tags are not used here; write the value out"},
        {"f.yaml", "batch:\n---\nserver:\n", "f.yaml:2:1: a second document; one file holds one"},
        {"f.yaml", "? [a]\n: b\n", "f.yaml:1:3: a key must be a plain word"},
        {"f.yaml", "batch:\n  mode: \"fa\\0st\"\n",
         "f.yaml:2:9: a text must not hold a NUL character"},
        {"f.yaml", "batch:\n\tmode: fast\n",
         "f.yaml:2:1: while scanning for the next token, found character that cannot start any "
         "token"},
        {"f.yaml", "batch:\n  mode: fa\xffst\n",
         "f.yaml:2:11: invalid leading UTF-8 octet; the text must be UTF-8 without control "
         "characters"},
        {"f.yaml", "batch: {mode: fast\n",
         "f.yaml:2:1: while parsing a flow mapping, did not find expected ',' or '}'"},
        {"f.json", "{\"batch\": {\"mode\": fast}}\n",
         "f.json:1:23: not JSON: invalid token near 'fast'"},
        {"f.json", "{\"batch\": {},\n \"batch\": {}}\n",
         "f.json:2:8: not JSON: duplicate object key near '\"batch\"'"},
        {"f.json", "batch:\n  mode: fast\n",
         "f.json:1:5: not JSON: '[' or '{' expected near 'batch'"},
        {"f.json", "{\"batch\":\n  {\"mode\": \"fats\"}}\n",
         "f.json:2:12: batch.mode: expected one of fast, good, best, got \"fats\""},
    };
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        struct nj_config *config = NULL;
        struct nj_error err = {0};
        assert_int_equal(load_text(cases[i].name, cases[i].text, &config, &err), NJ_E_INVALID);
        assert_string_equal(err.text, cases[i].message);
        assert_null(config);
    }
}

static void repeat(struct nj_buf *buf, const char *text, size_t count)
{
    for (size_t i = 0; i < count; i++)
        nj_buf_append_text(buf, text);
}

static void sixteen_levels_are_read_and_seventeen_are_too_deep(void **state)
{
    (void)state;
    static const struct {
        size_t lists; // inside of two mappings
        const char *message;
    } cases[] = {
        {14, "f.yaml:1:23: batch.object_types: expected a list, got a mapping"},
        {15, "f.yaml:1:40: nested too deeply"},
    };
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        struct nj_buf buf;
        nj_buf_init(&buf, 4096);
        nj_buf_append_text(&buf, "batch: {object_types: ");
        nj_buf_append_text(&buf, "{a: ");
        repeat(&buf, "[", cases[i].lists - 1);
        repeat(&buf, "]", cases[i].lists - 1);
        nj_buf_append_text(&buf, "}}\n");
        struct nj_config *config = NULL;
        struct nj_error err = {0};
        assert_int_equal(load_text("f.yaml", buf.data, &config, &err), NJ_E_INVALID);
        assert_string_equal(err.text, cases[i].message);
        nj_buf_finish(&buf);
    }
}

static void file_of_a_mebibyte_is_read_and_one_byte_more_refused(void **state)
{
    (void)state;
    for (size_t extra = 0; extra <= 1; extra++) {
        struct nj_buf buf;
        nj_buf_init(&buf, 2 << 20);
        nj_buf_append_text(&buf, "batch: {mode: fast}\n");
        while (nj_buf_failed(&buf) == 0 && buf.length < (1 << 20) + extra - 1)
            nj_buf_append_char(&buf, '#');
        nj_buf_append_char(&buf, '\n');
        struct nj_config *config = NULL;
        int code = load_text("f.yaml", buf.data, &config, NULL);
        assert_int_equal(code, extra ? NJ_E_TOO_BIG : 0);
        nj_config_unref(config);
        nj_buf_finish(&buf);
    }
}

static void mapping_of_too_many_keys_is_refused(void **state)
{
    (void)state;
    struct nj_buf buf;
    nj_buf_init(&buf, 1 << 20);
    for (int i = 0; i < 1025; i++)
        nj_buf_printf(&buf, "k%d:\n", i);
    struct nj_config *config = NULL;
    struct nj_error err = {0};
    assert_int_equal(load_text("f.yaml", buf.data, &config, &err), NJ_E_INVALID);
    assert_string_equal(err.text, "f.yaml:1025:1: too many keys in one mapping");
    nj_buf_finish(&buf);
}

int config_yaml_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_files_are_fine),
        cmocka_unit_test(foreign_features_are_refused_where_they_stand),
        cmocka_unit_test(sixteen_levels_are_read_and_seventeen_are_too_deep),
        cmocka_unit_test(file_of_a_mebibyte_is_read_and_one_byte_more_refused),
        cmocka_unit_test(mapping_of_too_many_keys_is_refused),
    };
    return cmocka_run_group_tests_name("config_yaml", tests, NULL, NULL);
}
