// SPDX-License-Identifier: Apache-2.0
// Follows where each track was in the newest seconds and judges whether it stands there.
#include "track/validator.h"

#include "util/mem.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Places of one track over the stable time. Frames that come closer together than that time
// divided by this many are not all kept.
enum { SAMPLES = 32 };

// Part of the newest step in the smoothed velocity: a box that trembles to and fro by twice the
// limit stays below it, and a car that drives off is noticed in the third frame.
static const float VELOCITY_SHARE = 0.4f;

struct sample {
    nj_us time_us;
    float x, y, score;
};

struct record {
    int64_t id;
    bool processed;
    nj_us seen_us;
    int64_t in_row;   // updates in a row with a match
    int64_t standing; // matches since it stands
    nj_us standing_us;
    uint64_t update; // of the newest match; 0: none
    float x, y, velocity_x, velocity_y;
    bool has_velocity;
    enum nj_validator_state state;
    struct sample samples[SAMPLES];
    size_t first, count; // ring
};

struct nj_validator {
    struct nj_validator_options options;
    int64_t stability_threshold;
    struct record *records; // by id
    size_t count;
    struct nj_validator_result *results;
    uint64_t updates;
    nj_us time_us;
};

// Of one track, over the samples of the stable time.
struct spread {
    double deviation_px, score;
};

const char *nj_validator_state_name(enum nj_validator_state state)
{
    static const char *const names[] = {"unknown", "entering", "stable", "leaving", "passing_by"};
    return (size_t)state < NJ_COUNT_OF(names) ? names[state] : "unknown";
}

int nj_validator_create(const struct nj_validator_options *options, int64_t stability_threshold,
                        struct nj_validator **out, struct nj_error *err)
{
    if (options->max_tracks < 1 || options->max_tracks > NJ_TRACK_MAX || stability_threshold < 0)
        return nj_error_set(err, NJ_E_INVALID,
                            "max_tracks must be 1 to %d and a stability threshold not negative",
                            NJ_TRACK_MAX);
    const size_t max = (size_t)options->max_tracks;
    struct nj_validator *validator = calloc(1, sizeof *validator);
    if (validator == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "no memory for a validator");
    validator->options = *options;
    validator->stability_threshold = stability_threshold;
    validator->time_us = INT64_MIN;
    validator->records = nj_malloc_array(max, sizeof *validator->records);
    validator->results = nj_malloc_array(max, sizeof *validator->results);
    if (validator->records == NULL || validator->results == NULL) {
        nj_validator_destroy(validator);
        return nj_error_set(err, NJ_E_NOMEM, "no memory to validate %zu tracks", max);
    }
    *out = validator;
    return 0;
}

void nj_validator_destroy(struct nj_validator *validator)
{
    if (validator == NULL)
        return;
    free(validator->records);
    free(validator->results);
    free(validator);
}

void nj_validator_reset(struct nj_validator *validator)
{
    validator->count = 0;
}

// Index of the first record whose id is not smaller.
static size_t find_place(const struct nj_validator *validator, int64_t id)
{
    size_t low = 0, high = validator->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (validator->records[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct record *find_record(struct nj_validator *validator, int64_t id)
{
    const size_t place = find_place(validator, id);
    const bool there = place < validator->count && validator->records[place].id == id;
    return there ? &validator->records[place] : NULL;
}

static void remove_record(struct nj_validator *validator, size_t place)
{
    validator->count--;
    memmove(&validator->records[place], &validator->records[place + 1],
            (validator->count - place) * sizeof *validator->records);
}

static void forget_longest_unseen(struct nj_validator *validator)
{
    size_t oldest = 0;
    for (size_t i = 1; i < validator->count; i++) {
        if (validator->records[i].seen_us < validator->records[oldest].seen_us)
            oldest = i;
    }
    remove_record(validator, oldest);
}

static struct record *add_record(struct nj_validator *validator, int64_t id)
{
    if (validator->count == (size_t)validator->options.max_tracks)
        forget_longest_unseen(validator);
    const size_t place = find_place(validator, id);
    struct record *record = &validator->records[place];
    memmove(record + 1, record, (validator->count - place) * sizeof *record);
    validator->count++;
    memset(record, 0, sizeof *record);
    record->id = id;
    return record;
}

// Records for all tracks of a frame. Those known are seen first, so that none of them makes room
// for a new one.
static void see_all(struct nj_validator *validator, const struct nj_validator_input *input)
{
    for (size_t i = 0; i < input->count; i++) {
        struct record *record = find_record(validator, input->tracks[i].id);
        if (record != NULL)
            record->seen_us = input->time_us;
    }
    for (size_t i = 0; i < input->count; i++) {
        if (find_record(validator, input->tracks[i].id) == NULL)
            add_record(validator, input->tracks[i].id)->seen_us = input->time_us;
    }
}

static void forget_old(struct nj_validator *validator, nj_us now_us)
{
    size_t kept = 0;
    for (size_t i = 0; i < validator->count; i++) {
        if (now_us - validator->records[i].seen_us > validator->options.forget_us)
            continue;
        if (kept != i)
            validator->records[kept] = validator->records[i];
        kept++;
    }
    validator->count = kept;
}

static void add_sample(const struct nj_validator *validator, struct record *record, float score)
{
    const nj_us window_us = validator->options.min_stable_us, now_us = validator->time_us;
    while (record->count > 0 && now_us - record->samples[record->first].time_us > window_us) {
        record->first = (record->first + 1) % SAMPLES;
        record->count--;
    }
    const struct sample now = {now_us, record->x, record->y, score};
    if (record->count > 0) {
        const size_t newest = (record->first + record->count - 1) % SAMPLES;
        if (now_us - record->samples[newest].time_us < window_us / (SAMPLES - 2))
            return;
    }
    if (record->count == SAMPLES) {
        record->first = (record->first + 1) % SAMPLES;
        record->count--;
    }
    record->samples[(record->first + record->count++) % SAMPLES] = now;
}

static struct spread measure(const struct record *record)
{
    double sum_x = 0, sum_y = 0, score = 0, squares = 0;
    const double n = (double)record->count;
    for (size_t i = 0; i < record->count; i++) {
        const struct sample *sample = &record->samples[(record->first + i) % SAMPLES];
        sum_x += (double)sample->x;
        sum_y += (double)sample->y;
        score += (double)sample->score;
    }
    for (size_t i = 0; i < record->count; i++) {
        const struct sample *sample = &record->samples[(record->first + i) % SAMPLES];
        const double dx = (double)sample->x - sum_x / n, dy = (double)sample->y - sum_y / n;
        squares += dx * dx + dy * dy;
    }
    return (struct spread){.deviation_px = sqrt(squares / n), .score = score / n};
}

static double speed_of(const struct record *record)
{
    return hypot((double)record->velocity_x, (double)record->velocity_y);
}

static bool is_moving(const struct nj_validator *validator, const struct record *record)
{
    return speed_of(record) > validator->options.velocity_px;
}

// Towards the middle near a side: entering; away from it: leaving.
static enum nj_validator_state moving_state(const struct nj_validator *validator,
                                            const struct record *record, int32_t width)
{
    const double place = (double)record->x / width;
    const double from_side = place < 0.5 ? place : 1 - place;
    const double inwards = place < 0.5 ? (double)record->velocity_x : -(double)record->velocity_x;
    if (inwards > 0 && from_side <= validator->options.entering_zone_ratio)
        return NJ_VALIDATOR_ENTERING;
    if (inwards < 0 && from_side <= validator->options.leaving_zone_ratio)
        return NJ_VALIDATOR_LEAVING;
    return NJ_VALIDATOR_PASSING_BY;
}

// The record gets where the track was matched now.
static void follow(struct nj_validator *validator, struct record *record,
                   const struct nj_track *track)
{
    const float x = track->x + track->w / 2, y = track->y + track->h / 2;
    if (record->update > 0) {
        const float frames = (float)(validator->updates - record->update);
        const float step_x = (x - record->x) / frames, step_y = (y - record->y) / frames;
        const float share = record->has_velocity ? VELOCITY_SHARE : 1;
        record->velocity_x += share * (step_x - record->velocity_x);
        record->velocity_y += share * (step_y - record->velocity_y);
        record->has_velocity = true;
    }
    record->x = x;
    record->y = y;
    record->update = validator->updates;
    record->in_row++;
    add_sample(validator, record, track->score);
    if (is_moving(validator, record))
        record->standing = 0;
    if (record->standing == 0)
        record->standing_us = validator->time_us;
    record->standing++;
}

static double part_of(double have, double need)
{
    return need > 0 && have < need ? have / need : 1;
}

// What is missing before a standing car is stable; `result` gets state, confidence and reason.
static void judge_standing(const struct nj_validator *validator, const struct record *record,
                           struct nj_validator_result *result)
{
    const struct nj_validator_options *options = &validator->options;
    const struct spread spread = measure(record);
    const nj_us stood_us = validator->time_us - record->standing_us;
    result->state =
        record->state == NJ_VALIDATOR_ENTERING ? NJ_VALIDATOR_ENTERING : NJ_VALIDATOR_UNKNOWN;
    result->confidence =
        fmin(part_of((double)stood_us, (double)options->min_stable_us),
             part_of((double)record->standing, (double)options->min_stable_frames));
    if (record->standing < options->min_stable_frames)
        snprintf(result->reason, sizeof result->reason, "standing in %lld of %lld frames",
                 (long long)record->standing, (long long)options->min_stable_frames);
    else if (stood_us < options->min_stable_us)
        snprintf(result->reason, sizeof result->reason, "standing for %.1f of %.1f s",
                 (double)stood_us / NJ_US_PER_S, (double)options->min_stable_us / NJ_US_PER_S);
    else if (spread.deviation_px > options->position_deviation_px)
        snprintf(result->reason, sizeof result->reason, "its place varies by %.1f px, %.1f at most",
                 spread.deviation_px, options->position_deviation_px);
    else if (spread.score < options->min_confidence)
        snprintf(result->reason, sizeof result->reason, "mean confidence %.2f, %.2f at least",
                 spread.score, options->min_confidence);
    else {
        result->state = NJ_VALIDATOR_STABLE;
        result->confidence = spread.score;
        snprintf(result->reason, sizeof result->reason, "standing for %.1f s",
                 (double)stood_us / NJ_US_PER_S);
    }
}

static void judge_moving(const struct nj_validator *validator, const struct record *record,
                         int32_t width, struct nj_validator_result *result)
{
    const double speed = speed_of(record);
    result->state = moving_state(validator, record, width);
    result->confidence = speed / (speed + validator->options.velocity_px);
    snprintf(result->reason, sizeof result->reason, "moving by %.1f px a frame", speed);
}

static void judge_valid(const struct nj_validator *validator, const struct record *record,
                        struct nj_validator_result *result)
{
    if (result->state != NJ_VALIDATOR_STABLE)
        return;
    const int64_t needed = validator->stability_threshold > 0 ? validator->stability_threshold : 1;
    result->valid = record->in_row >= needed;
    result->process = result->valid && !record->processed;
    if (!result->valid)
        snprintf(result->reason, sizeof result->reason, "seen in %lld of %lld frames in a row",
                 (long long)record->in_row, (long long)needed);
    else if (record->processed)
        snprintf(result->reason, sizeof result->reason, "worked on before");
}

static struct nj_validator_result judge(struct nj_validator *validator, struct record *record,
                                        const struct nj_track *track, int32_t width)
{
    struct nj_validator_result result = {.track_id = record->id};
    if (track->input >= 0) {
        follow(validator, record, track);
        if (is_moving(validator, record))
            judge_moving(validator, record, width, &result);
        else
            judge_standing(validator, record, &result);
        judge_valid(validator, record, &result);
    } else {
        // A predicted place shows nothing: the state stays, and the row of frames breaks.
        record->in_row = 0;
        result.state = record->state;
        snprintf(result.reason, sizeof result.reason, "not seen in this frame");
    }
    record->state = result.state;
    return result;
}

int nj_validator_update(struct nj_validator *validator, const struct nj_validator_input *input,
                        const struct nj_validator_result **out, size_t *out_count)
{
    if (input->count > (size_t)validator->options.max_tracks)
        return NJ_E_TOO_BIG;
    if (input->width < 1 || input->height < 1 || input->time_us < validator->time_us)
        return NJ_E_INVALID;
    validator->time_us = input->time_us;
    validator->updates++;
    forget_old(validator, input->time_us);
    see_all(validator, input);
    size_t results = 0;
    for (size_t i = 0; i < input->count; i++) {
        const struct nj_track *track = &input->tracks[i];
        struct record *record = &validator->records[find_place(validator, track->id)];
        const struct nj_validator_result result = judge(validator, record, track, input->width);
        if (track->state != NJ_TRACK_TENTATIVE)
            validator->results[results++] = result;
    }
    *out = validator->results;
    *out_count = results;
    return 0;
}

void nj_validator_mark_processed(struct nj_validator *validator, int64_t track_id)
{
    struct record *record = find_record(validator, track_id);
    if (record != NULL)
        record->processed = true;
}
