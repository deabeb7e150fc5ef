// SPDX-License-Identifier: Apache-2.0
// SORT (Bewley 2016) written plainly after the paper, as the tracker to be no worse than.
#ifndef NJ_BENCH_PERCEPTION_SORT_H
#define NJ_BENCH_PERCEPTION_SORT_H

#include "track/mot.h"

// Tracks of the detections: Kalman filter on centre, area and aspect, assignment of greatest total
// overlap at IoU .3, a track is given up after one missed frame and reported from its third match
// in a row. Free *out with nj_mot_free.
int sort_track(const struct nj_mot_table *detections, struct nj_mot_table *out,
               struct nj_error *err);

#endif
