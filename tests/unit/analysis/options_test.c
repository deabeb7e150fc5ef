// SPDX-License-Identifier: Apache-2.0
// The settings of analysis and severity: defaults, names in the environment, secrets.
#include "analysis/analysis.h"

#include "config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

int options_test(void);

static const struct nj_option_group *const groups[] = {&nj_analysis_option_group,
                                                       &nj_severity_option_group, NULL};

static void defaults_are_those_that_are_documented(void **state)
{
    (void)state;
    struct nj_config *config = NULL;
    assert_int_equal(nj_config_load(&(struct nj_config_input){.groups = groups}, &config, NULL), 0);
    const struct nj_analysis_options *options = nj_config_get(config, &nj_analysis_option_group);
    const struct nj_severity_options *severity = nj_config_get(config, &nj_severity_option_group);
    assert_int_equal(options->analyser, 0);
    assert_string_equal(options->llm_url, "http://localhost:8091");
    assert_int_equal(options->llm_protocol, 0);
    assert_string_equal(options->llm_model, "");
    assert_string_equal(options->llm_api_key, "");
    assert_true(options->llm_connect_us == 10LL * NJ_US_PER_S);
    assert_true(options->llm_read_us == 120LL * NJ_US_PER_S);
    assert_int_equal(options->llm_tries, 3);
    assert_int_equal(options->llm_context_tokens, 3900);
    assert_int_equal(options->llm_output_tokens, 1536);
    assert_int_equal(options->llm_breaker_failures, 5);
    assert_true(options->llm_breaker_us == 30LL * NJ_US_PER_S);
    assert_string_equal(options->timezone, "");
    assert_int_equal(severity->low_max, 29);
    assert_int_equal(severity->medium_max, 59);
    assert_int_equal(severity->high_max, 84);
    nj_config_unref(config);
}

static void the_names_that_people_have_work_in_the_environment(void **state)
{
    (void)state;
    static const char *const environment[] = {"NEMOTRON_URL=http://model:1",
                                              "NEMOTRON_READ_TIMEOUT=7",
                                              "AI_CONNECT_TIMEOUT=0.5",
                                              "NEMOTRON_MAX_RETRIES=2",
                                              "NEMOTRON_CONTEXT_WINDOW=32768",
                                              "NEMOTRON_MAX_OUTPUT_TOKENS=512",
                                              "NIGHTJAR_ANALYSIS_ANALYSER=llm",
                                              "NIGHTJAR_ANALYSIS_LLM_PROTOCOL=chat",
                                              "NIGHTJAR_ANALYSIS_LLM_API_KEY=k3y",
                                              "SEVERITY_LOW_MAX=10",
                                              NULL};
    const struct nj_config_input input = {.groups = groups, .environment = environment};
    struct nj_config *config = NULL;
    struct nj_buf shown;
    assert_int_equal(nj_config_load(&input, &config, NULL), 0);
    const struct nj_analysis_options *options = nj_config_get(config, &nj_analysis_option_group);
    const struct nj_severity_options *severity = nj_config_get(config, &nj_severity_option_group);
    assert_int_equal(options->analyser, 1);
    assert_int_equal(options->llm_protocol, 1);
    assert_string_equal(options->llm_url, "http://model:1");
    assert_true(options->llm_read_us == 7LL * NJ_US_PER_S);
    assert_true(options->llm_connect_us == NJ_US_PER_S / 2);
    assert_int_equal(options->llm_tries, 2);
    assert_int_equal(options->llm_context_tokens, 32768);
    assert_int_equal(options->llm_output_tokens, 512);
    assert_string_equal(options->llm_api_key, "k3y");
    assert_int_equal(severity->low_max, 10);
    nj_buf_init(&shown, 1 << 20);
    nj_config_to_json(config, &shown);
    assert_null(strstr(shown.data, "k3y"));
    nj_buf_finish(&shown);
    nj_config_unref(config);
}

int options_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_those_that_are_documented),
        cmocka_unit_test(the_names_that_people_have_work_in_the_environment),
    };
    return cmocka_run_group_tests_name("analysis options", tests, NULL, NULL);
}
