// SPDX-License-Identifier: Apache-2.0
// Heaviest matching between two sets from a sparse list of pairs: exact, solved per connected
// component by shortest augmenting paths (Jonker and Volgenant 1987). The tracker and the metrics
// share it; its memory is kept between calls.
#ifndef NJ_TRACK_MATCH_PRIV_H
#define NJ_TRACK_MATCH_PRIV_H

#include <stddef.h>
#include <stdint.h>

struct nj_match_edge {
    int32_t row, col;
    double weight; // > 0; pairs that are not listed weigh nothing and are never matched
};

// Zeroed is valid and empty. The fields below `cols` are scratch of match.c.
struct nj_match {
    struct nj_match_edge *edges;
    size_t edge_count, edge_capacity;
    int32_t *col_of_row; // result, -1: unmatched; `rows` items, valid until the next begin
    size_t row_capacity;
    int32_t rows, cols;
    int32_t *ints;
    size_t int_capacity;
    double *doubles;
    size_t double_capacity;
};

void nj_match_finish(struct nj_match *match);

// Forgets the edges of the last call. Both sets are counted from 0.
void nj_match_begin(struct nj_match *match, int32_t rows, int32_t cols);

// Makes room for one more edge. NJ_E_NOMEM.
int nj_match_grow(struct nj_match *match);

// Adds a pair of positive weight; each pair at most once. NJ_E_NOMEM.
static inline int nj_match_add(struct nj_match *match, int32_t row, int32_t col, double weight)
{
    if (match->edge_count == match->edge_capacity) {
        int code = nj_match_grow(match);
        if (code < 0)
            return code;
    }
    match->edges[match->edge_count++] = (struct nj_match_edge){row, col, weight};
    return 0;
}

// Fills col_of_row with a matching of greatest total weight. NJ_E_NOMEM.
int nj_match_solve(struct nj_match *match);

#endif
