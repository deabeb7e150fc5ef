// SPDX-License-Identifier: Apache-2.0
// MOT files from strangers: reading, tracking and measuring what was read.
#include "track/mot.h"
#include "track/track.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FRAMES_MAX = 5000 }; // empty frames cost time and find nothing

static const struct nj_track_options options = {.new_score = .8,
                                                .high_score = .6,
                                                .low_score = .1,
                                                .iou_gate = .1,
                                                .enlarge = .5,
                                                .lost_us = NJ_US_PER_S,
                                                .lost_share = 10,
                                                .confirm_hits = 1,
                                                .max_tracks = 64,
                                                .measure_noise = .1,
                                                .drift_noise = .2,
                                                .agility_noise = .4,
                                                .start_noise = 2};

static void measure(const struct nj_mot_table *gt, const struct nj_mot_table *result)
{
    struct nj_mot_sums *sums;
    struct nj_mot_metrics metrics;
    if (nj_mot_sums_create(&sums) < 0)
        return;
    if (nj_mot_sums_add(sums, gt, result, NULL) == 0) {
        nj_mot_sums_metrics(sums, &metrics);
        if (!(metrics.idf1 >= 0 && metrics.idf1 <= 100.001) ||
            !(metrics.hota >= 0 && metrics.hota <= 100.001))
            abort();
    }
    nj_mot_sums_destroy(sums);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct nj_mot_table table, tracks;
    struct nj_error err;
    if (nj_mot_parse((const char *)data, size, &table, &err) < 0)
        return 0;
    measure(&table, &table);
    if (table.frames <= FRAMES_MAX && nj_mot_track(&table, &options, 25, &tracks, &err) == 0) {
        measure(&table, &tracks);
        nj_mot_free(&tracks);
    }
    nj_mot_free(&table);
    return 0;
}
