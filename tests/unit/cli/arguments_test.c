// SPDX-License-Identifier: Apache-2.0
// Words of a call: what is taken out, what is left, and what the environment adds.
#include "cli/cli.h"

#include "tests/unit/cli/cli_helper.h"
#include "util/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

int arguments_test(void);

static void flag_is_taken_out_once_and_only_whole(void **state)
{
    (void)state;
    static const struct {
        const char *line, *left;
        bool found;
    } cases[] = {
        {"detect --json a.jpg", "detect a.jpg", true},
        {"detect a.jpg --json", "detect a.jpg", true},
        {"detect --json --json", "detect --json", true},
        {"detect --jsonx a.jpg", "detect --jsonx a.jpg", false},
        {"detect --json=yes", "detect --json=yes", false},
        {"--json", "--json", false}, // the name of the command is no flag of it
    };
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        struct cli_words words;
        cli_words_init(&words, cases[i].line);
        assert_int_equal(nj_cli_flag(&words.count, words.items, "--json"), cases[i].found);
        assert_string_equal(cli_words_join(&words), cases[i].left);
        cli_words_finish(&words);
    }
}

static void value_stands_behind_its_name_or_an_equals_sign(void **state)
{
    (void)state;
    static const struct {
        const char *line, *left, *value;
    } cases[] = {
        {"eval --out a b", "eval b", "a"},
        {"eval b --out=a", "eval b", "a"},
        {"eval --out= b", "eval b", ""},
        {"eval b --out", "eval b", ""}, // which every command refuses
        {"eval --out a --out c", "eval --out c", "a"},
        {"eval --output a", "eval --output a", NULL},
        {"eval --out=a=b", "eval", "a=b"},
        {"eval b", "eval b", NULL},
    };
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        struct cli_words words;
        cli_words_init(&words, cases[i].line);
        const char *value = nj_cli_value(&words.count, words.items, "--out");
        if ((value == NULL) != (cases[i].value == NULL) ||
            (value != NULL && strcmp(value, cases[i].value) != 0))
            fail_msg("%s: %s", cases[i].line, value != NULL ? value : "none");
        assert_string_equal(cli_words_join(&words), cases[i].left);
        cli_words_finish(&words);
    }
}

static void settings_are_gathered_in_their_order(void **state)
{
    (void)state;
    struct cli_words words;
    struct nj_cli_config config;
    cli_words_init(&words, "run --set a.b=1 --config f.yaml rest --set=c.d=2");
    assert_int_equal(nj_cli_config_parse(&words.count, words.items, &config, NULL), 0);
    assert_string_equal(config.file, "f.yaml");
    assert_int_equal(config.set_count, 2);
    assert_string_equal(config.sets[0], "a.b=1");
    assert_string_equal(config.sets[1], "c.d=2");
    assert_null(config.sets[2]);
    assert_string_equal(cli_words_join(&words), "run rest");
    nj_cli_config_finish(&config);
    nj_cli_config_finish(&config); // harmless
    cli_words_finish(&words);
}

static void settings_that_are_none_are_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *line, *says;
    } cases[] = {
        {"run --config", "--config needs a file"},
        {"run --config=", "--config needs a file"},
        {"run --set http.port", "--set needs group.name=value, not 'http.port'"},
        {"run --set", "--set needs group.name=value, not ''"},
    };
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        struct cli_words words;
        struct nj_cli_config config;
        struct nj_error err = {0};
        cli_words_init(&words, cases[i].line);
        assert_int_equal(nj_cli_config_parse(&words.count, words.items, &config, &err),
                         NJ_E_INVALID);
        if (strstr(err.text, cases[i].says) != err.text)
            fail_msg("%s: %s", cases[i].line, err.text);
        nj_cli_config_finish(&config);
        cli_words_finish(&words);
    }
}

// The port that is set by the environment of older set-ups is a default: what is said wins.
static void older_names_of_the_port_give_way(void **state)
{
    static const struct {
        const char *port, *where, *line;
        int code;
        const char *says;
    } cases[] = {
        {"", "", "config show", 0, "\"port\":8000"},
        {"8123", "", "config show", 0, "\"port\":8123"},
        {"8123", "staging", "config show", 0, "\"port\":8123"},
        {"", "staging", "config show", 0, "\"port\":8001"},
        {"", "prod", "config show", 0, "\"port\":8000"},
        {"8123", "", "config show --set http.port=8500", 0, "\"port\":8500"},
        {"", "moon", "config show", NJ_EXIT_USAGE, "environment DETECTOR_WORKER_ENV: must be"},
        {"many", "", "config show", NJ_EXIT_USAGE, "environment DETECTOR_WORKER_PORT: must be"},
        {"65536", "", "config show", NJ_EXIT_USAGE, "environment DETECTOR_WORKER_PORT: must be"},
    };
    struct cli_said *said = *state;
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        assert_int_equal(setenv("DETECTOR_WORKER_PORT", cases[i].port, 1), 0);
        assert_int_equal(setenv("DETECTOR_WORKER_ENV", cases[i].where, 1), 0);
        cli_call(said, nj_cli_config, cases[i].line);
        const char *heard = cases[i].code == 0 ? said->out : said->err;
        if (said->code != cases[i].code || strstr(heard, cases[i].says) == NULL)
            fail_msg("case %zu: %d %.600s", i, said->code, said->err);
    }
    assert_int_equal(unsetenv("DETECTOR_WORKER_PORT"), 0);
    assert_int_equal(unsetenv("DETECTOR_WORKER_ENV"), 0);
}

static void names_of_the_tools_are_no_settings(void **state)
{
    struct cli_said *said = *state;
    assert_int_equal(setenv("NIGHTJAR_MOT_DIR", "/nowhere", 1), 0);
    cli_call(said, nj_cli_config, "config show");
    assert_int_equal(said->code, NJ_EXIT_OK);
    assert_int_equal(unsetenv("NIGHTJAR_MOT_DIR"), 0);
    assert_int_equal(setenv("NIGHTJAR_MOT_DIRS", "/nowhere", 1), 0);
    cli_call(said, nj_cli_config, "config show");
    assert_int_equal(said->code, NJ_EXIT_USAGE);
    assert_non_null(strstr(said->err, "environment NIGHTJAR_MOT_DIRS: unknown setting"));
    assert_int_equal(unsetenv("NIGHTJAR_MOT_DIRS"), 0);
}

static int make_room(void **state)
{
    *state = calloc(1, sizeof(struct cli_said));
    return *state == NULL;
}

static int give_room(void **state)
{
    free(*state);
    return 0;
}

int arguments_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flag_is_taken_out_once_and_only_whole),
        cmocka_unit_test(value_stands_behind_its_name_or_an_equals_sign),
        cmocka_unit_test(settings_are_gathered_in_their_order),
        cmocka_unit_test(settings_that_are_none_are_refused_by_name),
        cmocka_unit_test(older_names_of_the_port_give_way),
        cmocka_unit_test(names_of_the_tools_are_no_settings),
    };
    return cmocka_run_group_tests_name("cli arguments", tests, make_room, give_room);
}
