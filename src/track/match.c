// SPDX-License-Identifier: Apache-2.0
// Heaviest sparse matching: pairs without a rival are taken at once, the others are grouped into
// connected components, and each component is solved exactly on a small dense matrix.
#include "track/match_priv.h"

#include "util/error.h"
#include "util/mem.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

// The integer scratch of one solve. Nodes are the rows, then the columns.
struct scratch {
    int32_t *degree; // nodes: edges that end there
    int32_t *parent; // nodes: union-find forest
    int32_t *first;  // nodes: first edge of the component with this root, -1: none
    int32_t *local;  // nodes: place inside the component at hand, -1: not seen yet
    int32_t *member; // nodes: rows of the component from the front, columns from the back
    int32_t *next;   // edges: next edge of the same component, -1: last
    int32_t *owner;  // columns + 1: row that owns a column, counted from 1
    int32_t *way;    // columns + 1: previous column of the augmenting path
    int32_t *used;   // columns + 1: column is in the search tree
};

// One component as a dense problem with height <= width, solved for least cost.
struct dense {
    int32_t height, width;
    double *cost;                          // height x width, row-major
    double *row_price, *col_price, *slack; // counted from 1
};

void nj_match_finish(struct nj_match *match)
{
    if (match == NULL)
        return;
    free(match->edges);
    free(match->col_of_row);
    free(match->ints);
    free(match->doubles);
    memset(match, 0, sizeof(*match));
}

void nj_match_begin(struct nj_match *match, int32_t rows, int32_t cols)
{
    match->rows = rows;
    match->cols = cols;
    match->edge_count = 0;
}

int nj_match_grow(struct nj_match *match)
{
    return nj_array_reserve((void **)&match->edges, &match->edge_capacity, match->edge_count + 1,
                            sizeof(*match->edges));
}

static int carve_scratch(struct nj_match *match, struct scratch *s)
{
    size_t nodes = (size_t)match->rows + (size_t)match->cols;
    size_t needed = nodes * 5 + match->edge_count + (nodes + 1) * 3;
    int code =
        nj_array_reserve((void **)&match->ints, &match->int_capacity, needed, sizeof(*match->ints));
    if (code < 0)
        return code;
    int32_t *at = match->ints;
    s->degree = at;
    s->parent = at + nodes;
    s->first = at + nodes * 2;
    s->local = at + nodes * 3;
    s->member = at + nodes * 4;
    s->next = at + nodes * 5;
    s->owner = s->next + match->edge_count;
    s->way = s->owner + nodes + 1;
    s->used = s->way + nodes + 1;
    return 0;
}

static int32_t find_root(int32_t *parent, int32_t node)
{
    while (parent[node] != node) {
        parent[node] = parent[parent[node]];
        node = parent[node];
    }
    return node;
}

// Takes the pairs whose both ends have no other edge; returns whether edges with rivals remain.
static int take_single_pairs(struct nj_match *match, struct scratch *s)
{
    int32_t rows = match->rows;
    memset(s->degree, 0, ((size_t)rows + (size_t)match->cols) * sizeof(*s->degree));
    for (size_t i = 0; i < match->edge_count; i++) {
        s->degree[match->edges[i].row]++;
        s->degree[rows + match->edges[i].col]++;
    }
    int rivals = 0;
    for (size_t i = 0; i < match->edge_count; i++) {
        const struct nj_match_edge *edge = &match->edges[i];
        if (s->degree[edge->row] == 1 && s->degree[rows + edge->col] == 1)
            match->col_of_row[edge->row] = edge->col;
        else
            rivals = 1;
    }
    return rivals;
}

// Chains the edges that have rivals by the component they belong to.
static void group_edges(struct nj_match *match, struct scratch *s)
{
    int32_t rows = match->rows, nodes = rows + match->cols;
    for (int32_t node = 0; node < nodes; node++) {
        s->parent[node] = node;
        s->first[node] = -1;
        s->local[node] = -1;
    }
    for (size_t i = 0; i < match->edge_count; i++) {
        int32_t a = find_root(s->parent, match->edges[i].row);
        int32_t b = find_root(s->parent, rows + match->edges[i].col);
        s->parent[a > b ? a : b] = a > b ? b : a;
    }
    for (size_t i = match->edge_count; i-- > 0;) {
        const struct nj_match_edge *edge = &match->edges[i];
        if (s->degree[edge->row] == 1 && s->degree[rows + edge->col] == 1)
            continue;
        int32_t root = find_root(s->parent, edge->row);
        s->next[i] = s->first[root];
        s->first[root] = (int32_t)i;
    }
}

// Grows the tree by the cheapest column until a free one is met, and flips the path to it.
static void augment(const struct dense *d, struct scratch *s, int32_t row)
{
    s->owner[0] = row;
    for (int32_t j = 0; j <= d->width; j++) {
        d->slack[j] = INFINITY;
        s->used[j] = 0;
    }
    int32_t col = 0;
    do {
        s->used[col] = 1;
        int32_t from = s->owner[col], best_col = 0;
        const double *cost = d->cost + (size_t)(from - 1) * (size_t)d->width;
        double best = INFINITY;
        for (int32_t j = 1; j <= d->width; j++) {
            if (s->used[j])
                continue;
            double reduced = cost[j - 1] - d->row_price[from] - d->col_price[j];
            if (reduced < d->slack[j]) {
                d->slack[j] = reduced;
                s->way[j] = col;
            }
            if (d->slack[j] < best) {
                best = d->slack[j];
                best_col = j;
            }
        }
        for (int32_t j = 0; j <= d->width; j++) {
            if (s->used[j]) {
                d->row_price[s->owner[j]] += best;
                d->col_price[j] -= best;
            } else {
                d->slack[j] -= best;
            }
        }
        col = best_col;
    } while (s->owner[col] != 0);
    while (col != 0) {
        s->owner[col] = s->owner[s->way[col]];
        col = s->way[col];
    }
}

static void solve_dense(const struct dense *d, struct scratch *s)
{
    memset(s->owner, 0, ((size_t)d->width + 1) * sizeof(*s->owner));
    memset(d->row_price, 0, ((size_t)d->height + 1) * sizeof(*d->row_price));
    memset(d->col_price, 0, ((size_t)d->width + 1) * sizeof(*d->col_price));
    for (int32_t row = 1; row <= d->height; row++)
        augment(d, s, row);
}

static int carve_dense(struct nj_match *match, struct dense *d)
{
    size_t cells = (size_t)d->height * (size_t)d->width;
    size_t side = (size_t)d->width + 1;
    int code = nj_array_reserve((void **)&match->doubles, &match->double_capacity, cells + side * 3,
                                sizeof(*match->doubles));
    if (code < 0)
        return code;
    d->cost = match->doubles;
    d->row_price = d->cost + cells;
    d->col_price = d->row_price + side;
    d->slack = d->col_price + side;
    memset(d->cost, 0, cells * sizeof(*d->cost));
    return 0;
}

// Numbers the rows and columns of one component; counts them.
static void number_members(struct nj_match *match, struct scratch *s, int32_t first, int32_t *rows,
                           int32_t *cols)
{
    int32_t nodes = match->rows + match->cols;
    *rows = *cols = 0;
    for (int32_t i = first; i >= 0; i = s->next[i]) {
        int32_t row = match->edges[i].row, col = match->rows + match->edges[i].col;
        if (s->local[row] < 0) {
            s->member[*rows] = row;
            s->local[row] = (*rows)++;
        }
        if (s->local[col] < 0) {
            s->member[nodes - 1 - *cols] = match->edges[i].col;
            s->local[col] = (*cols)++;
        }
    }
}

// A component with one row or one column: the heaviest edge is the answer.
static void solve_star(struct nj_match *match, const struct scratch *s, int32_t first)
{
    int32_t best = first;
    for (int32_t i = s->next[first]; i >= 0; i = s->next[i]) {
        if (match->edges[i].weight > match->edges[best].weight)
            best = i;
    }
    match->col_of_row[match->edges[best].row] = match->edges[best].col;
}

// Cells without an edge only fill the matrix; they match nobody.
static void take_dense(struct nj_match *match, const struct scratch *s, const struct dense *d,
                       bool flip)
{
    int32_t nodes = match->rows + match->cols;
    for (int32_t j = 0; j < d->width; j++) {
        int32_t i = s->owner[j + 1] - 1;
        if (i < 0 || d->cost[(size_t)i * (size_t)d->width + (size_t)j] >= 0)
            continue;
        int32_t row = flip ? j : i, col = flip ? i : j;
        match->col_of_row[s->member[row]] = s->member[nodes - 1 - col];
    }
}

static int solve_component(struct nj_match *match, struct scratch *s, int32_t first)
{
    int32_t rows, cols;
    number_members(match, s, first, &rows, &cols);
    if (rows == 1 || cols == 1) {
        solve_star(match, s, first);
        return 0;
    }
    bool flip = rows > cols;
    struct dense d = {.height = flip ? cols : rows, .width = flip ? rows : cols};
    int code = carve_dense(match, &d);
    if (code < 0)
        return code;
    for (int32_t i = first; i >= 0; i = s->next[i]) {
        int32_t row = s->local[match->edges[i].row];
        int32_t col = s->local[match->rows + match->edges[i].col];
        size_t cell = flip ? (size_t)col * (size_t)d.width + (size_t)row
                           : (size_t)row * (size_t)d.width + (size_t)col;
        d.cost[cell] = -match->edges[i].weight;
    }
    solve_dense(&d, s);
    take_dense(match, s, &d, flip);
    return 0;
}

int nj_match_solve(struct nj_match *match)
{
    int code = nj_array_reserve((void **)&match->col_of_row, &match->row_capacity,
                                (size_t)match->rows + 1, sizeof(*match->col_of_row));
    if (code < 0)
        return code;
    for (int32_t row = 0; row < match->rows; row++)
        match->col_of_row[row] = -1;
    if (match->edge_count == 0)
        return 0;
    struct scratch s;
    code = carve_scratch(match, &s);
    if (code < 0)
        return code;
    if (!take_single_pairs(match, &s))
        return 0;
    group_edges(match, &s);
    // A root is the smallest node of its component, so it is always a row.
    for (int32_t root = 0; root < match->rows; root++) {
        if (s.first[root] < 0)
            continue;
        code = solve_component(match, &s, s.first[root]);
        if (code < 0)
            return code;
    }
    return 0;
}
