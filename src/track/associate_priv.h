// SPDX-License-Identifier: Apache-2.0
// One stage of association: which boxes of a column list belong to which boxes of a row list.
#ifndef NJ_TRACK_ASSOCIATE_PRIV_H
#define NJ_TRACK_ASSOCIATE_PRIV_H

#include "track/match_priv.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Boxes as parallel arrays, which lets the compiler compare several at once.
struct nj_boxes {
    float *x0, *y0, *x1, *y1; // px, x0 < x1 and y0 < y1
    int32_t *group;           // only boxes of one group belong together
};

// A box as one stage sees it.
struct nj_stage_box {
    float x0, y0, x1, y1, area;
    int32_t group;
};

// Indexes into nj_boxes.
struct nj_box_list {
    int32_t *items;
    int32_t count;
};

struct nj_stage {
    const struct nj_boxes *rows, *cols;
    const struct nj_box_list *row_list, *col_list;
    float gate;                   // least IoU
    float enlarge;                // both boxes are grown by this part of their size
    bool sorted;                  // columns go up in x0, in the list too
    float width_max;              // of the columns
    struct nj_stage_box *scratch; // room for all columns of the list
};

// Leaves the matching of list places in `match`. NJ_E_NOMEM.
int nj_stage_associate(const struct nj_stage *stage, struct nj_match *match);

#endif
