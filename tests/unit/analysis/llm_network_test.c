// SPDX-License-Identifier: Apache-2.0
// The LLM analyser over a bad network: a call ends in time, with the model's finding or none, and
// the next one is well.
#include "analysis/llm.h"

#include "tests/fake/tcp_proxy.h"
#include "tests/unit/analysis/analysis_helper.h"
#include "util/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int llm_network_test(void);

enum {
    TIME_US = 60 * NJ_US_PER_MS,
    SLACK_US = 2 * NJ_US_PER_S, // a machine under load
    POINTS = 24,
    SCORE = 42,
    UNTOUCHED = -7,
};

struct line {
    struct llm_server server;
    struct nj_tcp_proxy *proxy;
    struct nj_analysis_options options;
    struct nj_analysis_context context;
};

static int ask(struct line *line, int *score, struct nj_error *err)
{
    static struct nj_finding finding;
    struct nj_cancel cancel;
    void *analyser = NULL;
    nj_cancel_init(&cancel, NULL);
    finding = (struct nj_finding){.risk_score = UNTOUCHED};
    assert_int_equal(nj_analyser_llm.create(&line->options, nj_clock_real(), &analyser, err), 0);
    const int rc = nj_analyser_llm.analyse(analyser, &line->context, &cancel, &finding, err);
    nj_analyser_llm.destroy(analyser);
    *score = finding.risk_score;
    return rc;
}

static void ask_over(void *arg, const struct nj_proxy_rule *rule)
{
    struct line *line = arg;
    struct nj_error err = {0};
    char text[NJ_PROXY_TEXT_MAX];
    int score, second;
    const size_t asked = atomic_load(&line->server.asked);
    const nj_us begun_us = nj_mono_us(nj_clock_real());
    const int rc = ask(line, &score, &err);
    const nj_us took_us = nj_mono_us(nj_clock_real()) - begun_us;
    nj_tcp_proxy_heal(line->proxy);
    line->options.llm_read_us = SLACK_US;
    const int again = ask(line, &second, NULL);
    line->options.llm_read_us = TIME_US;
    if (rc == 0 ? score != SCORE
                : (rc != NJ_E_UNAVAILABLE && rc != NJ_E_TIMEOUT) || score != UNTOUCHED)
        fail_msg("%s: %d \"%s\", score %d", nj_proxy_rule_text(rule, text), rc, err.text, score);
    if (again != 0 || second != SCORE || took_us > 2 * TIME_US + SLACK_US ||
        atomic_load(&line->server.asked) - asked > 2)
        fail_msg("%s: %lld us, then %d, score %d; asked %zu times", nj_proxy_rule_text(rule, text),
                 (long long)took_us, again, second, atomic_load(&line->server.asked) - asked);
}

static void a_finding_is_the_models_own_however_the_network_breaks(void **state)
{
    static const struct llm_answer answers[] = {
        {200, "{\"risk_score\": 42, \"summary\": \"A visitor\", \"reasoning\": \"Rang.\"}", NULL}};
    static const struct sight door[] = {{"person", 0.91, 0, 12, 7, NULL}};
    static struct nj_detection_row rows[1];
    struct line line = {.proxy = NULL};
    char url[64];
    (void)state;
    llm_start(&line.server, answers, NJ_COUNT_OF(answers));
    line.proxy = nj_tcp_proxy_create((int)strtol(strrchr(line.server.url, ':') + 1, NULL, 10));
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%d", nj_tcp_proxy_port(line.proxy));
    fill_context(&line.context, rows, door, NJ_COUNT_OF(door));
    line.options = llm_options(url);
    line.options.llm_tries = 1;
    line.options.llm_connect_us = line.options.llm_read_us = TIME_US;
    const struct nj_proxy_sweep sweep = {
        .proxy = line.proxy, .trial = ask_over, .arg = &line, .points = POINTS};
    nj_proxy_sweep(&sweep);
    nj_tcp_proxy_destroy(line.proxy);
    llm_stop(&line.server);
}

int llm_network_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_finding_is_the_models_own_however_the_network_breaks),
    };
    return cmocka_run_group_tests_name("llm_network", tests, NULL, NULL);
}
