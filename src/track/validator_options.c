// SPDX-License-Identifier: Apache-2.0
// Settings of the validator.
#include "track/validator.h"

#include "util/mem.h"

#include <stddef.h>

#define FIELD(member) offsetof(struct nj_validator_options, member)

static const struct nj_option options[] = {
    {.name = "min_stable_seconds",
     .type = NJ_OPTION_SECONDS,
     .offset = FIELD(min_stable_us),
     .min = 0,
     .max = 3600,
     .unit = "s",
     .fallback = "3",
     .help = "How long a car must stand before it counts as stable."},
    {.name = "min_stable_frames",
     .type = NJ_OPTION_INT,
     .offset = FIELD(min_stable_frames),
     .min = 1,
     .max = 10000,
     .unit = "frames",
     .fallback = "10",
     .help = "In how many frames it must have been detected while standing."},
    {.name = "position_deviation",
     .type = NJ_OPTION_NUMBER,
     .offset = FIELD(position_deviation_px),
     .min = 0,
     .max = 10000,
     .unit = "px",
     .fallback = "25",
     .help = "Standard deviation of its centre over the stable time, at most. Raise it when boxes "
             "of standing cars tremble."},
    {.name = "velocity",
     .type = NJ_OPTION_NUMBER,
     .offset = FIELD(velocity_px),
     .min = 0,
     .max = 10000,
     .unit = "px per frame",
     .fallback = "5",
     .help = "A car whose centre goes faster is moving."},
    {.name = "min_confidence",
     .type = NJ_OPTION_NUMBER,
     .offset = FIELD(min_confidence),
     .min = 0,
     .max = 1,
     .fallback = "0.7",
     .help = "Mean confidence of a stable car's newest detections, at least."},
    {.name = "entering_zone",
     .type = NJ_OPTION_NUMBER,
     .offset = FIELD(entering_zone_ratio),
     .min = 0,
     .max = 0.5,
     .unit = "of the width",
     .fallback = "0.3",
     .help = "Part of the picture at each side in which a car that moves towards the middle is "
             "entering."},
    {.name = "leaving_zone",
     .type = NJ_OPTION_NUMBER,
     .offset = FIELD(leaving_zone_ratio),
     .min = 0,
     .max = 0.5,
     .unit = "of the width",
     .fallback = "0.3",
     .help = "Part of the picture at each side in which a car that moves away from the middle is "
             "leaving."},
    {.name = "forget_seconds",
     .type = NJ_OPTION_SECONDS,
     .offset = FIELD(forget_us),
     .min = 0,
     .max = 86400,
     .unit = "s",
     .fallback = "30",
     .help = "A car not seen for this long is forgotten, and with it that it was worked on."},
    {.name = "max_tracks",
     .type = NJ_OPTION_INT,
     .offset = FIELD(max_tracks),
     .min = 1,
     .max = NJ_TRACK_MAX,
     .unit = "tracks",
     .fallback = "512",
     .help = "Bound on the cars followed at once; at least track.max_tracks."},
};

const struct nj_option_group nj_validator_option_group = {
    .name = "validator",
    .title = "Which cars stand still",
    .options = options,
    .count = NJ_COUNT_OF(options),
    .struct_size = sizeof(struct nj_validator_options),
};
