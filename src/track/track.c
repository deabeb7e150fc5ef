// SPDX-License-Identifier: Apache-2.0
// Life of tracks: prediction, three stages of association, birth, loss and end.
#include "track/track_priv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    SORT_FROM = 24,   // fewer boxes are compared one by one faster than they are sorted
    BLOCK_ALIGN = 64, // a cache line
    PATIENCE_US = 100 * NJ_US_PER_MS, // counted for a track that was seen once
};

static const float SIZE_MIN_PX = 1; // a lost box may shrink, but not turn inside out

// Hands out parts of one block; with block NULL it only counts.
struct arena {
    char *block;
    size_t used;
};

static void *take(struct arena *arena, size_t bytes)
{
    void *at = arena->block == NULL ? NULL : arena->block + arena->used;
    arena->used += (bytes + BLOCK_ALIGN - 1) / BLOCK_ALIGN * BLOCK_ALIGN;
    return at;
}

static void lay_out_boxes(struct nj_boxes *boxes, struct arena *arena, size_t max)
{
    boxes->x0 = take(arena, max * sizeof(float));
    boxes->y0 = take(arena, max * sizeof(float));
    boxes->x1 = take(arena, max * sizeof(float));
    boxes->y1 = take(arena, max * sizeof(float));
    boxes->group = take(arena, max * sizeof(int32_t));
}

static void lay_out(struct nj_tracker *t, struct arena *arena)
{
    size_t max = (size_t)t->options.max_tracks;
    t->tracks = take(arena, max * sizeof(*t->tracks));
    t->filters = take(arena, max * sizeof(*t->filters));
    t->missed_us = take(arena, max * sizeof(*t->missed_us));
    lay_out_boxes(&t->track_boxes, arena, max);
    lay_out_boxes(&t->boxes, arena, max);
    t->input = take(arena, max * sizeof(*t->input));
    t->taken = take(arena, max * sizeof(*t->taken));
    t->rows.items = take(arena, max * sizeof(int32_t));
    t->cols.items = take(arena, max * sizeof(int32_t));
    t->scratch = take(arena, max * sizeof(*t->scratch));
}

int nj_tracker_create(const struct nj_track_options *options, int64_t first_id,
                      struct nj_tracker **out, struct nj_error *err)
{
    if (options->max_tracks < 1 || options->max_tracks > NJ_TRACK_MAX)
        return nj_error_set(err, NJ_E_INVALID, "max_tracks must be 1 to %d", NJ_TRACK_MAX);
    if (first_id < 1)
        return nj_error_set(err, NJ_E_INVALID, "the first track id must be at least 1");
    struct nj_tracker *t = calloc(1, sizeof(*t));
    if (t == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "no memory for a tracker");
    t->options = *options;
    t->noise = (struct nj_kalman_noise){.measure = (float)options->measure_noise,
                                        .drift = (float)options->drift_noise,
                                        .agility = (float)options->agility_noise,
                                        .start = (float)options->start_noise};
    t->next_id = first_id;
    t->time_us = -1;
    struct arena arena = {0};
    lay_out(t, &arena);
    t->memory = aligned_alloc(BLOCK_ALIGN, arena.used);
    if (t->memory == NULL) {
        free(t);
        return nj_error_set(err, NJ_E_NOMEM, "no memory for %lld tracks",
                            (long long)options->max_tracks);
    }
    arena = (struct arena){t->memory, 0};
    lay_out(t, &arena);
    *out = t;
    return 0;
}

void nj_tracker_destroy(struct nj_tracker *tracker)
{
    if (tracker == NULL)
        return;
    nj_match_finish(&tracker->match);
    free(tracker->memory);
    free(tracker);
}

static void publish_box(struct nj_tracker *t, size_t i)
{
    struct nj_kalman *k = &t->filters[i];
    for (int lane = 2; lane < NJ_KALMAN_LANES; lane++) {
        if (!(k->pos[lane] >= SIZE_MIN_PX)) {
            k->pos[lane] = SIZE_MIN_PX;
            k->vel[lane] = 0;
        }
    }
    struct nj_track *track = &t->tracks[i];
    track->w = k->pos[2];
    track->h = k->pos[3];
    track->x = k->pos[0] - track->w / 2;
    track->y = k->pos[1] - track->h / 2;
}

static void predict_tracks(struct nj_tracker *t, nj_us dt_us)
{
    float seconds = (float)dt_us / NJ_US_PER_S;
    for (size_t i = 0; i < t->count; i++) {
        nj_kalman_predict(&t->filters[i], seconds, &t->noise);
        publish_box(t, i);
        const struct nj_track *track = &t->tracks[i];
        t->tracks[i].input = -1;
        t->track_boxes.x0[i] = track->x;
        t->track_boxes.y0[i] = track->y;
        t->track_boxes.x1[i] = track->x + track->w;
        t->track_boxes.y1[i] = track->y + track->h;
    }
}

static bool is_usable(const struct nj_tracker *t, const struct nj_track_input *in)
{
    // Comparisons that fail for NaN, and sums that are finite only when all parts are.
    return in->score >= (float)t->options.low_score && in->w > 0 && in->h > 0 &&
           isfinite(in->x + in->w) && isfinite(in->y + in->h) && isfinite(in->w * in->h);
}

// Shell sort of the kept indexes by left edge: in place, and quick on a few hundred.
static void sort_by_left(int32_t *index, size_t count, const struct nj_track_input *inputs)
{
    static const size_t gaps[] = {1750, 701, 301, 132, 57, 23, 10, 4, 1};
    for (size_t g = 0; g < sizeof(gaps) / sizeof(gaps[0]); g++) {
        size_t gap = gaps[g];
        for (size_t i = gap; i < count; i++) {
            int32_t moved = index[i];
            float x = inputs[moved].x;
            size_t j = i;
            for (; j >= gap && inputs[index[j - gap]].x > x; j -= gap)
                index[j] = index[j - gap];
            index[j] = moved;
        }
    }
}

static void load_inputs(struct nj_tracker *t, const struct nj_track_input *inputs, size_t count)
{
    t->box_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (is_usable(t, &inputs[i]))
            t->input[t->box_count++] = (int32_t)i;
    }
    t->sorted = t->box_count >= SORT_FROM;
    if (t->sorted)
        sort_by_left(t->input, t->box_count, inputs);
    t->width_max = 0;
    for (size_t i = 0; i < t->box_count; i++) {
        const struct nj_track_input *in = &inputs[t->input[i]];
        t->boxes.x0[i] = in->x;
        t->boxes.y0[i] = in->y;
        t->boxes.x1[i] = in->x + in->w;
        t->boxes.y1[i] = in->y + in->h;
        t->boxes.group[i] = in->group;
        t->taken[i] = false;
        if (in->w > t->width_max)
            t->width_max = in->w;
    }
}

static void match_track(struct nj_tracker *t, size_t i, int32_t box,
                        const struct nj_track_input *inputs)
{
    const struct nj_track_input *in = &inputs[t->input[box]];
    const float seen[NJ_KALMAN_LANES] = {in->x + in->w / 2, in->y + in->h / 2, in->w, in->h};
    nj_kalman_correct(&t->filters[i], seen, &t->noise);
    publish_box(t, i);
    t->taken[box] = true;
    t->missed_us[i] = 0;
    struct nj_track *track = &t->tracks[i];
    track->score = in->score;
    track->class_id = in->class_id;
    track->input = t->input[box];
    track->last_us = t->time_us;
    track->hits++;
    track->state = track->hits >= t->options.confirm_hits ? NJ_TRACK_CONFIRMED : NJ_TRACK_TENTATIVE;
}

// Which tracks and detections a stage sees.
struct stage_rule {
    double score_min, score_below;
    double gate, enlarge;
    bool lost; // tracks that missed the frame before take part
};

static void list_members(struct nj_tracker *t, const struct stage_rule *rule,
                         const struct nj_track_input *inputs)
{
    t->rows.count = t->cols.count = 0;
    for (size_t i = 0; i < t->count; i++) {
        if (t->tracks[i].input < 0 && (rule->lost || t->missed_us[i] == 0))
            t->rows.items[t->rows.count++] = (int32_t)i;
    }
    for (size_t i = 0; i < t->box_count; i++) {
        double score = (double)inputs[t->input[i]].score;
        if (!t->taken[i] && score >= rule->score_min && score < rule->score_below)
            t->cols.items[t->cols.count++] = (int32_t)i;
    }
}

static int run_stage(struct nj_tracker *t, const struct stage_rule *rule,
                     const struct nj_track_input *inputs)
{
    list_members(t, rule, inputs);
    if (t->rows.count == 0 || t->cols.count == 0)
        return 0;
    struct nj_stage stage = {.rows = &t->track_boxes,
                             .cols = &t->boxes,
                             .row_list = &t->rows,
                             .col_list = &t->cols,
                             .gate = (float)rule->gate,
                             .enlarge = (float)rule->enlarge,
                             .sorted = t->sorted,
                             .width_max = t->width_max,
                             .scratch = t->scratch};
    int code = nj_stage_associate(&stage, &t->match);
    if (code < 0)
        return code;
    for (int32_t row = 0; row < t->rows.count; row++) {
        int32_t col = t->match.col_of_row[row];
        if (col >= 0)
            match_track(t, (size_t)t->rows.items[row], t->cols.items[col], inputs);
    }
    return 0;
}

static int run_stages(struct nj_tracker *t, const struct nj_track_input *inputs)
{
    const struct nj_track_options *o = &t->options;
    const double no_limit = INFINITY;
    const struct stage_rule rules[] = {
        {o->high_score, no_limit, o->iou_gate, 0, true},
        {o->low_score, o->high_score, o->iou_gate, 0, false},
        {o->high_score, no_limit, o->iou_gate, o->enlarge, true},
    };
    size_t stages = o->enlarge > 0 ? 3 : 2;
    for (size_t i = 0; i < stages; i++) {
        int code = run_stage(t, &rules[i], inputs);
        if (code < 0)
            return code;
    }
    return 0;
}

// How long a track may be away: one that was followed for long comes back later, and is less
// often mistaken for a newcomer, than one that was hardly seen.
static nj_us patience_us(const struct nj_tracker *t, const struct nj_track *track)
{
    double share = t->options.lost_share * (double)(track->last_us - track->first_us + PATIENCE_US);
    return share < (double)t->options.lost_us ? (nj_us)share : t->options.lost_us;
}

// Ages what was not matched and closes the gaps that ended tracks leave.
static void age_tracks(struct nj_tracker *t, nj_us dt_us)
{
    size_t kept = 0;
    for (size_t i = 0; i < t->count; i++) {
        struct nj_track *track = &t->tracks[i];
        if (track->input < 0) {
            t->missed_us[i] += dt_us;
            if (track->state == NJ_TRACK_TENTATIVE || t->missed_us[i] > patience_us(t, track))
                continue;
            track->state = NJ_TRACK_LOST;
        }
        if (kept != i) {
            t->tracks[kept] = t->tracks[i];
            t->filters[kept] = t->filters[i];
            t->missed_us[kept] = t->missed_us[i];
            t->track_boxes.group[kept] = t->track_boxes.group[i];
        }
        kept++;
    }
    t->count = kept;
}

static void begin_track(struct nj_tracker *t, int32_t box, const struct nj_track_input *in)
{
    size_t i = t->count++;
    const float seen[NJ_KALMAN_LANES] = {in->x + in->w / 2, in->y + in->h / 2, in->w, in->h};
    nj_kalman_begin(&t->filters[i], seen, &t->noise);
    t->missed_us[i] = 0;
    t->track_boxes.group[i] = in->group;
    t->tracks[i] = (struct nj_track){
        .id = t->next_id++,
        .score = in->score,
        .class_id = in->class_id,
        .input = t->input[box],
        .state = t->options.confirm_hits <= 1 ? NJ_TRACK_CONFIRMED : NJ_TRACK_TENTATIVE,
        .first_us = t->time_us,
        .last_us = t->time_us,
        .hits = 1,
    };
    publish_box(t, i);
}

int nj_tracker_update(struct nj_tracker *t, const struct nj_track_inputs *inputs,
                      const struct nj_track **out, size_t *out_count)
{
    nj_us time_us = inputs->time_us;
    if (inputs->count > (size_t)t->options.max_tracks)
        return NJ_E_TOO_BIG;
    if (time_us < 0 || time_us < t->time_us)
        return NJ_E_INVALID;
    nj_us dt_us = t->time_us < 0 ? 0 : time_us - t->time_us;
    t->time_us = time_us;
    predict_tracks(t, dt_us);
    load_inputs(t, inputs->items, inputs->count);
    int code = run_stages(t, inputs->items);
    if (code < 0)
        return code;
    age_tracks(t, dt_us);
    for (size_t i = 0; i < t->box_count; i++) {
        const struct nj_track_input *in = &inputs->items[t->input[i]];
        bool sure = (double)in->score >= t->options.new_score;
        if (!t->taken[i] && sure && t->count < (size_t)t->options.max_tracks)
            begin_track(t, (int32_t)i, in);
    }
    *out = t->tracks;
    *out_count = t->count;
    return 0;
}

void nj_tracker_hold(struct nj_tracker *tracker, nj_us time_us)
{
    if (time_us > tracker->time_us)
        tracker->time_us = time_us;
}

void nj_tracker_reset(struct nj_tracker *tracker)
{
    tracker->count = 0;
}
