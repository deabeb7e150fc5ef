// SPDX-License-Identifier: Apache-2.0
// Levels of a risk score and their limits.
#include "analysis/severity.h"

#include "util/mem.h"

#define LIMIT(member, variable, value, text)                                                       \
    {                                                                                              \
        .name = #member, .env = (variable), .type = NJ_OPTION_INT,                                 \
        .offset = offsetof(struct nj_severity_options, member), .min = 0, .max = 100,              \
        .unit = "points", .fallback = (value), .reloadable = true, .help = (text)                  \
    }

static const struct nj_option options[] = {
    LIMIT(low_max, "SEVERITY_LOW_MAX", "29", "Scores up to this are low."),
    LIMIT(medium_max, "SEVERITY_MEDIUM_MAX", "59", "Scores up to this are medium."),
    LIMIT(high_max, "SEVERITY_HIGH_MAX", "84", "Scores up to this are high, above critical."),
};

const struct nj_option_group nj_severity_option_group = {
    .name = "severity",
    .title = "Levels of risk",
    .options = options,
    .count = NJ_COUNT_OF(options),
    .struct_size = sizeof(struct nj_severity_options),
};

const char *nj_severity_level(const struct nj_severity_options *limits, int score)
{
    if (score <= limits->low_max)
        return "low";
    if (score <= limits->medium_max)
        return "medium";
    return score <= limits->high_max ? "high" : "critical";
}
