// SPDX-License-Identifier: Apache-2.0
// Runs the tracker over a table of detections, as the evaluation and the benchmark do.
#ifndef NJ_TRACK_MOT_RUN_H
#define NJ_TRACK_MOT_RUN_H

#include "track/mot.h"
#include "track/track.h"

// Tracks the detections at `fps` frames per second, frame 1 to the last; frames without rows are
// updates without inputs. *out holds the confirmed tracks that were matched in their frame; free
// it with nj_mot_free. NJ_E_INVALID, NJ_E_TOO_BIG, NJ_E_NOMEM.
int nj_mot_track(const struct nj_mot_table *detections, const struct nj_track_options *options,
                 double fps, struct nj_mot_table *out, struct nj_error *err);

// The frame rate in a MOTChallenge seqinfo.ini. NJ_E_NOT_FOUND, NJ_E_INVALID, NJ_E_IO.
int nj_mot_read_fps(const char *path, double *out, struct nj_error *err);

#endif
