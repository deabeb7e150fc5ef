// SPDX-License-Identifier: Apache-2.0
// SORT by its paper: no attempt to be fast.
#include "bench/perception_sort.h"

#include "util/mem.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
    STATES = 7,   // centre x, centre y, area, aspect, and the speeds of the first three
    MEASURED = 4, // the first four
    MAX_AGE = 1,
    MIN_HITS = 3,
    TRACKS_MAX = 256,
};
static const double iou_least = 0.3;

struct track {
    double state[STATES];
    double doubt[STATES][STATES]; // covariance
    int64_t id;
    int32_t missed, streak;
};

static void measure(const struct nj_mot_row *row, double out[MEASURED])
{
    out[0] = row->x + row->w / 2;
    out[1] = row->y + row->h / 2;
    out[2] = row->w * row->h;
    out[3] = row->w / row->h;
}

static struct nj_mot_row box_of(const struct track *track)
{
    const double w = sqrt(fmax(track->state[2] * track->state[3], 0));
    const double h = w > 0 ? track->state[2] / w : 0;
    return (struct nj_mot_row){.id = track->id,
                               .x = track->state[0] - w / 2,
                               .y = track->state[1] - h / 2,
                               .w = w,
                               .h = h,
                               .score = 1};
}

static void begin(struct track *track, const struct nj_mot_row *row, int64_t id)
{
    *track = (struct track){.id = id};
    measure(row, track->state);
    for (int i = 0; i < STATES; i++)
        track->doubt[i][i] = i < MEASURED ? 10 : 10000;
}

// x = F x, P = F P F' + Q, with F adding the speeds to the first three.
static void predict(struct track *track)
{
    static const double noise[STATES] = {1, 1, 1, 1, 0.01, 0.01, 0.0001};
    if (track->state[2] + track->state[6] <= 0)
        track->state[6] = 0;
    for (int i = 0; i < 3; i++)
        track->state[i] += track->state[i + MEASURED];
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < STATES; k++)
            track->doubt[i][k] += track->doubt[i + MEASURED][k];
    for (int i = 0; i < STATES; i++)
        for (int k = 0; k < 3; k++)
            track->doubt[i][k] += track->doubt[i][k + MEASURED];
    for (int i = 0; i < STATES; i++)
        track->doubt[i][i] += noise[i];
    track->streak = track->missed > 0 ? 0 : track->streak;
    track->missed += 1;
}

// One measured value at a time: with independent noise that is the same as all at once.
static void correct(struct track *track, const struct nj_mot_row *row)
{
    static const double noise[MEASURED] = {1, 1, 10, 10};
    double measured[MEASURED];
    measure(row, measured);
    for (int m = 0; m < MEASURED; m++) {
        const double spread = track->doubt[m][m] + noise[m];
        const double off = measured[m] - track->state[m];
        double gain[STATES], line[STATES];
        for (int i = 0; i < STATES; i++) {
            gain[i] = track->doubt[i][m] / spread;
            line[i] = track->doubt[m][i];
        }
        for (int i = 0; i < STATES; i++) {
            track->state[i] += gain[i] * off;
            for (int k = 0; k < STATES; k++)
                track->doubt[i][k] -= gain[i] * line[k];
        }
    }
    track->missed = 0;
    track->streak += 1;
}

static double iou(const struct nj_mot_row *a, const struct nj_mot_row *b)
{
    const double w = fmin(a->x + a->w, b->x + b->w) - fmax(a->x, b->x);
    const double h = fmin(a->y + a->h, b->y + b->h) - fmax(a->y, b->y);
    const double common = w > 0 && h > 0 ? w * h : 0;
    return common / (a->w * a->h + b->w * b->h - common);
}

// The Hungarian method on a square matrix of costs, 1-based, with potentials of rows and columns.
struct assignment {
    double cost[TRACKS_MAX + 1][TRACKS_MAX + 1];
    int n;
    int row_of[TRACKS_MAX + 1]; // of each column
    double row_potential[TRACKS_MAX + 1], column_potential[TRACKS_MAX + 1];
    // Of the row being placed:
    double least[TRACKS_MAX + 1];
    bool used[TRACKS_MAX + 1];
    int way[TRACKS_MAX + 1]; // the column before on the path
};

static int next_column(struct assignment *a, int column)
{
    const int row = a->row_of[column];
    double delta = INFINITY;
    int next = 0;
    for (int j = 1; j <= a->n; j++) {
        if (a->used[j])
            continue;
        const double reduced = a->cost[row][j] - a->row_potential[row] - a->column_potential[j];
        if (reduced < a->least[j]) {
            a->least[j] = reduced;
            a->way[j] = column;
        }
        if (a->least[j] < delta) {
            delta = a->least[j];
            next = j;
        }
    }
    for (int j = 0; j <= a->n; j++) {
        if (a->used[j]) {
            a->row_potential[a->row_of[j]] += delta;
            a->column_potential[j] -= delta;
        } else {
            a->least[j] -= delta;
        }
    }
    return next;
}

static void place_row(struct assignment *a, int row)
{
    int column = 0;
    a->row_of[0] = row;
    for (int j = 0; j <= a->n; j++) {
        a->least[j] = INFINITY;
        a->used[j] = false;
    }
    do {
        a->used[column] = true;
        column = next_column(a, column);
    } while (a->row_of[column] != 0);
    do {
        const int before = a->way[column];
        a->row_of[column] = a->row_of[before];
        column = before;
    } while (column != 0);
}

static void assign(struct assignment *a)
{
    memset(a->row_of, 0, sizeof a->row_of);
    memset(a->row_potential, 0, sizeof a->row_potential);
    memset(a->column_potential, 0, sizeof a->column_potential);
    for (int row = 1; row <= a->n; row++)
        place_row(a, row);
}

struct sort {
    struct track tracks[TRACKS_MAX];
    size_t count;
    int64_t next_id;
    struct assignment assignment;
    struct nj_mot_table table;
    size_t capacity;
};

// Matches detections to tracks; taken[k] says that detection k has one.
static void associate(struct sort *sort, const struct nj_mot_row *rows, size_t count, bool *taken)
{
    struct assignment *const a = &sort->assignment;
    const int n = (int)(count > sort->count ? count : sort->count);
    a->n = n;
    for (int i = 1; i <= n; i++) {
        for (int j = 1; j <= n; j++) {
            const bool both = (size_t)i <= count && (size_t)j <= sort->count;
            struct nj_mot_row box = {0};
            if (both)
                box = box_of(&sort->tracks[j - 1]);
            a->cost[i][j] = both ? -iou(&rows[i - 1], &box) : 0;
        }
    }
    assign(a);
    for (int j = 1; j <= n; j++) {
        const int i = a->row_of[j];
        if ((size_t)j > sort->count || (size_t)i > count || -a->cost[i][j] < iou_least)
            continue;
        correct(&sort->tracks[j - 1], &rows[i - 1]);
        taken[i - 1] = true;
    }
}

static int report(struct sort *sort, int32_t frame)
{
    for (size_t i = 0; i < sort->count; i++) {
        const struct track *track = &sort->tracks[i];
        if (track->missed > 0 || (track->streak < MIN_HITS && frame > MIN_HITS))
            continue;
        int rc = nj_array_reserve((void **)&sort->table.rows, &sort->capacity,
                                  sort->table.count + 1, sizeof *sort->table.rows);
        if (rc != 0)
            return rc;
        struct nj_mot_row row = box_of(track);
        row.frame = frame;
        sort->table.rows[sort->table.count++] = row;
    }
    sort->table.frames = frame;
    return 0;
}

static void drop_old(struct sort *sort)
{
    size_t kept = 0;
    for (size_t i = 0; i < sort->count; i++)
        if (sort->tracks[i].missed <= MAX_AGE)
            sort->tracks[kept++] = sort->tracks[i];
    sort->count = kept;
}

static int run_frame(struct sort *sort, const struct nj_mot_row *rows, size_t count, int32_t frame)
{
    bool taken[TRACKS_MAX] = {false};
    count = count < TRACKS_MAX ? count : TRACKS_MAX;
    for (size_t i = 0; i < sort->count; i++)
        predict(&sort->tracks[i]);
    associate(sort, rows, count, taken);
    for (size_t i = 0; i < count && sort->count < TRACKS_MAX; i++)
        if (!taken[i])
            begin(&sort->tracks[sort->count++], &rows[i], ++sort->next_id);
    int rc = report(sort, frame);
    drop_old(sort);
    return rc;
}

int sort_track(const struct nj_mot_table *detections, struct nj_mot_table *out,
               struct nj_error *err)
{
    struct sort *sort = calloc(1, sizeof *sort);
    if (sort == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "no memory for SORT");
    size_t at = 0;
    int rc = 0;
    for (int32_t frame = 1; frame <= detections->frames && rc == 0; frame++) {
        size_t end = at;
        while (end < detections->count && detections->rows[end].frame == frame)
            end++;
        rc = run_frame(sort, &detections->rows[at], end - at, frame);
        at = end;
    }
    if (rc == 0)
        *out = sort->table;
    else
        nj_mot_free(&sort->table);
    free(sort);
    return rc == 0 ? 0 : nj_error_set(err, rc, "no memory for tracks");
}
