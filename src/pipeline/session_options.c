// SPDX-License-Identifier: Apache-2.0
// Settings of sessions.
#include "pipeline/session.h"

#include "util/mem.h"

#include <stddef.h>

#define FIELD(member) offsetof(struct nj_session_options, member)

static const struct nj_option options[] = {
    {.name = "wait_seconds",
     .type = NJ_OPTION_SECONDS,
     .offset = FIELD(wait_us),
     .min = 0.1,
     .max = 86400,
     .unit = "s",
     .fallback = "30",
     .help = "How long a result waits for its session id; then the next car is looked for."},
    {.name = "cooldown_seconds",
     .type = NJ_OPTION_SECONDS,
     .offset = FIELD(cooldown_us),
     .min = 0,
     .max = 86400,
     .unit = "s",
     .fallback = "10",
     .help = "How long a car whose pipeline found nothing is left alone before it is tried again."},
    {.name = "lost_seconds",
     .type = NJ_OPTION_SECONDS,
     .offset = FIELD(lost_us),
     .min = 0.1,
     .max = 3600,
     .unit = "s",
     .fallback = "5",
     .help = "A car not seen for this long has left. Raise it where people often stand before the "
             "camera."},
    {.name = "quiet_stages",
     .type = NJ_OPTION_TEXT_LIST,
     .offset = FIELD(quiet_stages),
     .min = 0,
     .max = 32,
     .fallback = "car_fueling,car_waitpayment",
     .help = "Progression stages in which a car that leaves is not told as abandoned."},
};

const struct nj_option_group nj_session_option_group = {
    .name = "sessions",
    .title = "Sessions of the detector worker",
    .options = options,
    .count = NJ_COUNT_OF(options),
    .struct_size = sizeof(struct nj_session_options),
};
