// SPDX-License-Identifier: Apache-2.0
// Settings that somebody gave and that another setting leaves unused: who comes from a program
// where the address alone was enough hears of it.
#include "app/app_priv.h"
#include "detect/detect.h"

#include <string.h>

static bool is_given(const struct nj_option_group *group, const char *name, const char *value)
{
    for (size_t i = 0; i < group->count; i++)
        if (strcmp(group->options[i].name, name) == 0)
            return strcmp(value, group->options[i].fallback) != 0;
    return false;
}

void nj_app_tell_unused(const struct nj_app *app)
{
    const struct nj_detect_options *detect = nj_config_get(app->config, &nj_detect_option_group);
    const struct nj_analysis_options *analysis =
        nj_config_get(app->config, &nj_analysis_option_group);
    if (detect->engine != NJ_ENGINE_HTTP &&
        is_given(&nj_detect_option_group, "http_url", detect->http_url))
        nj_log_at(app->log, NJ_LOG_WARNING, "The detector service is not asked",
                  NJ_TEXT("given", "detect.http_url (YOLO26_URL)"),
                  NJ_TEXT("needed", "detect.engine=http"));
    if (analysis->analyser != NJ_ANALYSER_LLM &&
        is_given(&nj_analysis_option_group, "llm_url", analysis->llm_url))
        nj_log_at(app->log, NJ_LOG_WARNING, "The language model is not asked",
                  NJ_TEXT("given", "analysis.llm_url (NEMOTRON_URL)"),
                  NJ_TEXT("needed", "analysis.analyser=llm"));
}
