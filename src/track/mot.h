// SPDX-License-Identifier: Apache-2.0
// MOTChallenge text files, the tracker run over them, and the metrics CLEAR MOT (Bernardin 2008),
// IDF1 (Ristani 2016) and HOTA (Luiten 2020), after TrackEval's definitions.
#ifndef NJ_TRACK_MOT_H
#define NJ_TRACK_MOT_H

#include "track/track.h"
#include "util/error.h"

#include <stddef.h>
#include <stdint.h>

enum { NJ_MOT_FPS_MAX = 1000 }; // beyond any camera; a rate above it is a slip of the pen

struct nj_mot_row {
    int32_t frame; // from 1
    int64_t id;    // -1 for detections
    double x, y, w, h;
    double score; // confidence, or the consider flag of ground truth
};

struct nj_mot_table {
    struct nj_mot_row *rows; // sorted by frame, then as in the file
    size_t count;
    int32_t frames; // highest frame number
};

// Comma separated rows of 6 to 10 fields. Limits: 64 MiB, frame <= 10 million. The error names file
// and line. Free with nj_mot_free.
int nj_mot_read(const char *path, struct nj_mot_table *out, struct nj_error *err);
int nj_mot_parse(const char *text, size_t length, struct nj_mot_table *out, struct nj_error *err);
void nj_mot_free(struct nj_mot_table *table);
// Over a file or nothing; NJ_E_INVALID where a device, pipe, link or folder stands.
int nj_mot_write(const char *path, const struct nj_mot_table *table, struct nj_error *err);

// The frame rate in a MOTChallenge seqinfo.ini. NJ_E_NOT_FOUND, NJ_E_INVALID, NJ_E_IO.
int nj_mot_read_fps(const char *path, double *out, struct nj_error *err);

// Tracks the detections at `fps` frames per second, frame 1 to the last; frames without rows are
// updates without inputs. *out holds the confirmed tracks that were matched in their frame; free
// it with nj_mot_free. NJ_E_INVALID, NJ_E_TOO_BIG, NJ_E_NOMEM.
int nj_mot_track(const struct nj_mot_table *detections, const struct nj_track_options *options,
                 double fps, struct nj_mot_table *out, struct nj_error *err);

struct nj_mot_metrics {
    double mota, motp, idf1, idp, idr, recall, precision; // percent
    double hota, deta, assa, loca;                        // percent, mean over alpha .05 ... .95
    int64_t fp, fn, id_switches, fragmentations, gt_rows, result_rows;
};

// Sums from which metrics of several sequences are combined as TrackEval combines them.
struct nj_mot_sums;

int nj_mot_sums_create(struct nj_mot_sums **out);
void nj_mot_sums_destroy(struct nj_mot_sums *sums);
// Ground-truth rows with score 0 are dropped first. IoU threshold .5 for CLEAR and identity.
int nj_mot_sums_add(struct nj_mot_sums *sums, const struct nj_mot_table *gt,
                    const struct nj_mot_table *result, struct nj_error *err);
// Adds the sums of other sequences, as if they had been added one by one.
void nj_mot_sums_merge(struct nj_mot_sums *sums, const struct nj_mot_sums *other);
void nj_mot_sums_metrics(const struct nj_mot_sums *sums, struct nj_mot_metrics *out);

#endif
