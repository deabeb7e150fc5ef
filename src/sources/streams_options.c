// SPDX-License-Identifier: Apache-2.0
// Option table of the shared streams.
#include "sources/streams.h"

#include "util/mem.h"

static const struct nj_option options[] = {
    {.name = "grace_seconds",
     .type = NJ_OPTION_SECONDS,
     .offset = offsetof(struct nj_streams_options, grace_us),
     .min = 0,
     .max = 3600,
     .unit = "s",
     .fallback = "10",
     .help = "How long a connection to a camera stays after its last user left, so that a client "
             "that comes back finds it running."},
    {.name = "max_streams",
     .type = NJ_OPTION_INT,
     .offset = offsetof(struct nj_streams_options, max_streams),
     .min = 1,
     .max = 1024,
     .unit = "streams",
     .fallback = "256",
     .help = "Different streams at one time at most."},
};

const struct nj_option_group nj_streams_option_group = {
    .name = "streams",
    .title = "Shared streams",
    .options = options,
    .count = NJ_COUNT_OF(options),
    .struct_size = sizeof(struct nj_streams_options),
};
