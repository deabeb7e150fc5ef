// SPDX-License-Identifier: Apache-2.0
// Levels of a risk score: low, medium, high, critical.
#ifndef NJ_ANALYSIS_SEVERITY_H
#define NJ_ANALYSIS_SEVERITY_H

#include "config/options.h"

struct nj_severity_options {
    int64_t low_max, medium_max, high_max; // SEVERITY_LOW_MAX 29, _MEDIUM_MAX 59, _HIGH_MAX 84
};
extern const struct nj_option_group nj_severity_option_group; // group "severity"

// "low" "medium" "high" "critical" for a score of 0..100.
const char *nj_severity_level(const struct nj_severity_options *limits, int score);

#endif
