// SPDX-License-Identifier: Apache-2.0
// The rules analyser: a deterministic score from what was seen, how many, how long, when, and how
// usual it is here. The table of points is docs/internals/analysis.md's.
#ifndef NJ_ANALYSIS_RULES_H
#define NJ_ANALYSIS_RULES_H

#include "analysis/analyser_driver.h"

extern const struct nj_analyser_driver nj_analyser_rules;

// Counts of one class in a batch, most frequent first.
struct nj_class_count {
    const char *name; // borrowed from the detections
    size_t count;
};
enum { NJ_CLASS_COUNTS_MAX = 16 };
// Fills at most NJ_CLASS_COUNTS_MAX places; returns how many.
size_t nj_rules_count_classes(const struct nj_analysis_context *context,
                              struct nj_class_count out[NJ_CLASS_COUNTS_MAX]);

#endif
