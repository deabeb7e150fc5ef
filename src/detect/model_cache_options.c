// SPDX-License-Identifier: Apache-2.0
// The settings of the model cache.
#include "detect/model_cache.h"
#include "util/mem.h"

#include <stddef.h>

static const struct nj_option options[] = {
    {.name = "budget_bytes",
     .type = NJ_OPTION_INT,
     .offset = offsetof(struct nj_model_cache_options, budget_bytes),
     .max = 1e12,
     .unit = "bytes",
     .fallback = "1073741824",
     .help = "Memory that loaded models of pipelines may take together; models nobody uses stay "
             "until another one needs their room, those in use may exceed it."},
};

const struct nj_option_group nj_model_cache_option_group = {
    .name = "model_cache",
    .title = "Model cache",
    .options = options,
    .count = NJ_COUNT_OF(options),
    .struct_size = sizeof(struct nj_model_cache_options)};
