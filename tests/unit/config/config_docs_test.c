// SPDX-License-Identifier: Apache-2.0
// Documents from the tables: nothing is left out, and the example is a file that loads.
#include "tests/unit/config/options_helper.h"
#include "util/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

int config_docs_test(void);

static void every_document_names_every_setting_and_its_meaning(void **state)
{
    (void)state;
    static void (*const writers[])(const struct nj_option_group *const *, struct nj_buf *) = {
        nj_config_help, nj_config_markdown, nj_config_example};
    for (size_t w = 0; w < NJ_COUNT_OF(writers); w++) {
        struct nj_buf buf;
        nj_buf_init(&buf, 1 << 16);
        writers[w](test_groups, &buf);
        assert_int_equal(nj_buf_failed(&buf), 0);
        for (size_t i = 0; test_groups[i]; i++) {
            for (size_t k = 0; k < test_groups[i]->count; k++)
                assert_non_null(strstr(buf.data, test_groups[i]->options[k].name));
        }
        static const char *const facts[] = {
            "BATCH_WINDOW_SECONDS",
            "NIGHTJAR_BATCH_MAX_DETECTIONS",
            "whole number, 1 to 500 items",
            "seconds, 1 to 3600 s",
            "one of fast, good, best",
            "path, at least 1 bytes",
            "Closes a batch that has this many.",
        };
        for (size_t i = 0; i < NJ_COUNT_OF(facts); i++)
            assert_non_null(strstr(buf.data, facts[i]));
        nj_buf_finish(&buf);
    }
}

static void markdown_rows_have_all_their_cells(void **state)
{
    (void)state;
    struct nj_buf buf;
    nj_buf_init(&buf, 1 << 16);
    nj_config_markdown(test_groups, &buf);
    assert_non_null(strstr(buf.data, "\n## Batches: `batch`\n"));
    assert_non_null(strstr(buf.data, "\n| `window_seconds` | `BATCH_WINDOW_SECONDS` | "
                                     "seconds, 1 to 3600 s | `90` | yes | How long"));
    assert_non_null(strstr(buf.data, "| `good` | no | Speed \\| quality. |\n"));
    assert_non_null(strstr(buf.data, "| no | Password of the peer. (secret) |\n"));
    assert_non_null(strstr(buf.data, "Members of each mapping in `cameras.list[].zones`:"));
    nj_buf_finish(&buf);
}

static void help_lines_fit_a_terminal(void **state)
{
    (void)state;
    static const struct nj_option table[] = {
        {.name = "count",
         .type = NJ_OPTION_INT,
         .fallback = "6",
         .help = "A sentence that is a good deal longer than the eighty columns of a terminal so "
                 "that it must be broken at a blank, and is."},
    };
    static const struct nj_option_group group = {"long", "Long", table, 1, sizeof(int64_t)};
    const struct nj_option_group *const groups[] = {&group, NULL};
    struct nj_buf buf;
    nj_buf_init(&buf, 1 << 16);
    nj_config_help(groups, &buf);
    assert_int_equal(nj_buf_failed(&buf), 0);
    for (const char *line = buf.data; *line;) {
        size_t length = strcspn(line, "\n");
        assert_true(length <= 82);
        line += length + 1;
    }
    assert_non_null(strstr(buf.data, "must be broken"));
    nj_buf_finish(&buf);
}

// Takes the '#' away before each "#name:".
static void uncomment(char *text)
{
    char *to = text;
    bool line_begin = true;
    for (const char *from = text; *from; from++) {
        bool mark = line_begin && *from == '#' && from[1] != ' ';
        line_begin = *from == '\n' || (line_begin && *from == ' ');
        if (!mark)
            *to++ = *from;
    }
    *to = '\0';
}

static void example_loads_and_says_the_defaults(void **state)
{
    (void)state;
    struct nj_config *defaults = NULL;
    assert_int_equal(load_config(NULL, NULL, NULL, &defaults, NULL), 0);
    for (int uncommented = 0; uncommented <= 1; uncommented++) {
        struct nj_buf buf;
        nj_buf_init(&buf, 1 << 16);
        nj_config_example(test_groups, &buf);
        if (uncommented)
            uncomment(buf.data);
        struct nj_config *config = NULL;
        struct nj_error err = {0};
        if (load_text("f.yaml", buf.data, &config, &err) != 0)
            fail_msg("%s\n%s", err.text, buf.data);
        for (size_t i = 0; test_groups[i]; i++)
            assert_false(nj_config_changed(defaults, config, test_groups[i], NULL));
        nj_config_unref(config);
        nj_buf_finish(&buf);
    }
    nj_config_unref(defaults);
}

int config_docs_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_document_names_every_setting_and_its_meaning),
        cmocka_unit_test(markdown_rows_have_all_their_cells),
        cmocka_unit_test(help_lines_fit_a_terminal),
        cmocka_unit_test(example_loads_and_says_the_defaults),
    };
    return cmocka_run_group_tests_name("config_docs", tests, NULL, NULL);
}
