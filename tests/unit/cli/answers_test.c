// SPDX-License-Identifier: Apache-2.0
// What commands answer: exit codes, where the words go, and the tables of eval.
#include "cli/cli.h"
#include "cli/cli_eval.h"

#include "tests/unit/cli/cli_helper.h"
#include "util/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

int answers_test(void);

typedef int (*command)(int argc, char **argv);

// Wrong words are answered on standard error alone, with the code for wrong words.
static void wrong_words_are_told_apart_from_failures(void **state)
{
    static const struct {
        command run;
        const char *line;
        int code;
        const char *says;
    } cases[] = {
        {nj_cli_config, "config exmaple", 2, "no command 'exmaple', did you mean 'example'"},
        {nj_cli_config, "config nonsense", 2, "no command 'nonsense'; see nightjar config --help"},
        {nj_cli_config, "config show frob", 2, "no option 'frob'; see nightjar config --help"},
        {nj_cli_config, "config example frob", 2, "no option 'frob'"},
        {nj_cli_run, "run frob", 2, "no option 'frob'; see nightjar run --help"},
        {nj_cli_check, "check frob", 2, "no option 'frob'; see nightjar check --help"},
        {nj_cli_eval, "eval", 2, "nightjar eval: say mot or video"},
        {nj_cli_eval, "eval mto", 2, "nightjar eval: say mot or video"},
        {nj_cli_eval, "eval mot --det a", 2, "usage: nightjar eval mot"},
        {nj_cli_eval, "eval mot --det a --gt b c", 2, "usage: nightjar eval mot"},
        {nj_cli_eval, "eval mot --det a --gt b --set c", 2, "--set needs group.name=value"},
        {nj_cli_eval, "eval mot --det /nowhere/a --gt b", 1, "nightjar eval mot: "},
        {nj_cli_detect, "detect", 2, "nightjar detect: "},
        {nj_cli_detect, "detect --frob a.jpg", 2, "no option '--frob'; see nightjar detect --help"},
        {nj_cli_detect, "detect --crop 1,2,3 a.jpg", 2, "--crop needs x,y,width,height"},
        {nj_cli_detect, "detect --crop 1,2,0,4 a.jpg", 2, "--crop needs x,y,width,height"},
        {nj_cli_detect, "detect --corners 1,2 a.jpg", 2, "--corners needs x,y four times"},
        {nj_cli_mpta, "mpta", 2, "usage: nightjar mpta pack"},
        {nj_cli_mpta, "mpta pakc x", 2, "no command 'pakc', did you mean 'pack'"},
        {nj_cli_mpta, "mpta check --frob x", 2, "no option '--frob'; see nightjar mpta --help"},
        {nj_cli_mpta, "mpta pack", 2, "nightjar mpta pack: name one folder"},
        {nj_cli_mpta, "mpta pack /nowhere/at/all", 1, "nightjar mpta pack: "},
    };
    struct cli_said *said = *state;
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        cli_call(said, cases[i].run, cases[i].line);
        if (said->code != cases[i].code || strstr(said->err, cases[i].says) == NULL ||
            said->out[0] != '\0')
            fail_msg("%s: %d \"%.300s\" \"%.300s\"", cases[i].line, said->code, said->out,
                     said->err);
    }
}

// Whoever takes a number, of its own or as a setting.
static void wrong_numbers_are_wrong_words(void **state)
{
    static const struct {
        command run;
        const char *line, *says;
    } cases[] = {
        {nj_cli_eval, "eval mot --det a --gt b --fps x", "--fps needs a number above 0"},
        {nj_cli_eval, "eval mot --det a --gt b --fps", "--fps needs a number above 0"},
        {nj_cli_eval, "eval mot --det a --gt b --fps=", "--fps needs a number above 0"},
        {nj_cli_eval, "eval mot --det a --gt b --fps 0", "--fps needs a number above 0"},
        {nj_cli_eval, "eval mot --det a --gt b --fps -5", "--fps needs a number above 0"},
        {nj_cli_eval, "eval mot --det a --gt b --fps nan", "--fps needs a number above 0"},
        {nj_cli_eval, "eval mot --det a --gt b --fps 1001", "at most 1000"},
        {nj_cli_eval, "eval mot --det a --gt b --fps 30fps", "--fps needs a number above 0"},
        {nj_cli_detect, "detect --crop 1,2,x,4 a.jpg", "--crop needs x,y,width,height"},
        {nj_cli_detect, "detect --crop nan,2,3,4 a.jpg", "--crop needs x,y,width,height"},
        {nj_cli_detect, "detect --crop 1,2,3,-4 a.jpg", "--crop needs x,y,width,height"},
        {nj_cli_detect, "detect --crop 1,2,3,4,5 a.jpg", "--crop needs x,y,width,height"},
        {nj_cli_detect, "detect --corners 1,1,2,1,2,2,1,inf a.jpg", "--corners needs x,y"},
        {nj_cli_eval, "eval mot --det a --gt b --set http.port=x", "http.port: expected"},
        {nj_cli_eval, "eval video --video a --gt b --set http.port=x", "http.port: expected"},
        {nj_cli_detect, "detect --set http.port=70000 a.jpg", "http.port: "},
        {nj_cli_mpta, "mpta check a --set http.port=x", "http.port: expected"},
        {nj_cli_check, "check --set http.port=1.5", "http.port: expected"},
        {nj_cli_config, "config show --set http.port=x", "http.port: expected"},
        {nj_cli_run, "run --set http.port=x", "http.port: expected"},
    };
    struct cli_said *said = *state;
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        cli_call(said, cases[i].run, cases[i].line);
        if (said->code != NJ_EXIT_USAGE || strstr(said->err, cases[i].says) == NULL ||
            said->out[0] != '\0')
            fail_msg("%s: %d \"%.300s\" \"%.300s\"", cases[i].line, said->code, said->out,
                     said->err);
    }
}

static void documents_go_to_standard_output(void **state)
{
    static const struct {
        const char *line, *says;
    } cases[] = {
        {"config", "http.port"},          {"config help", "http.port"},
        {"config example", "port:"},      {"config markdown", "| `port` |"},
        {"config show", "\"port\":8000"},
    };
    struct cli_said *said = *state;
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        cli_call(said, nj_cli_config, cases[i].line);
        if (said->code != NJ_EXIT_OK || strstr(said->out, cases[i].says) == NULL ||
            said->err[0] != '\0')
            fail_msg("%s: %d %.300s", cases[i].line, said->code, said->err);
    }
    cli_call(said, nj_cli_mpta, "mpta --help"); // has a help of its own
    assert_int_equal(said->code, NJ_EXIT_OK);
    assert_ptr_equal(strstr(said->out, "usage: nightjar mpta pack"), said->out);
}

static const struct nj_mot_metrics metrics = {
    .mota = 50.9, .idf1 = 100, .hota = -3.25, .fp = 12, .id_switches = 3, .gt_rows = 123456};

static int end_as_table(void *arg)
{
    return nj_cli_eval_end("eval mot", 0, NULL, &metrics, *(const bool *)arg);
}

static void metrics_are_a_table_with_columns_below_each_other(void **state)
{
    struct cli_said *said = *state;
    bool as_json = false;
    cli_listen(said, end_as_table, &as_json);
    assert_int_equal(said->code, NJ_EXIT_OK);
    assert_string_equal(said->err, "");
    assert_ptr_equal(strstr(said->out, "mota                 50.900 %\n"), said->out);
    assert_non_null(strstr(said->out, "\nidf1                100.000 %\n"));
    assert_non_null(strstr(said->out, "\nhota                 -3.250 %\n"));
    assert_non_null(strstr(said->out, "\nfp                       12\n"));
    assert_non_null(strstr(said->out, "\ngt_rows              123456\n"));
}

static void metrics_are_one_object_for_programs(void **state)
{
    struct cli_said *said = *state;
    bool as_json = true;
    cli_listen(said, end_as_table, &as_json);
    assert_int_equal(said->code, NJ_EXIT_OK);
    json_t *root = json_loads(said->out, JSON_REJECT_DUPLICATES, NULL);
    assert_int_equal(json_object_size(root), 17); // all that the table has
    assert_true(json_number_value(json_object_get(root, "hota")) == -3.25);
    assert_int_equal(json_integer_value(json_object_get(root, "id_switches")), 3);
    json_decref(root);
}

static int end_with_error(void *arg)
{
    return nj_cli_eval_end("eval mot", NJ_E_IO, arg, &metrics, false);
}

static void failure_prints_its_reason_instead_of_metrics(void **state)
{
    struct cli_said *said = *state;
    struct nj_error err = {0};
    nj_error_set(&err, NJ_E_IO, "the disk is away");
    cli_listen(said, end_with_error, &err);
    assert_int_equal(said->code, NJ_EXIT_FAILED);
    assert_string_equal(said->out, "");
    assert_string_equal(said->err, "nightjar eval mot: the disk is away\n");
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

int answers_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_words_are_told_apart_from_failures),
        cmocka_unit_test(wrong_numbers_are_wrong_words),
        cmocka_unit_test(documents_go_to_standard_output),
        cmocka_unit_test(metrics_are_a_table_with_columns_below_each_other),
        cmocka_unit_test(metrics_are_one_object_for_programs),
        cmocka_unit_test(failure_prints_its_reason_instead_of_metrics),
    };
    return cmocka_run_group_tests_name("cli answers", tests, make_room, give_room);
}
