// SPDX-License-Identifier: Apache-2.0
// Remembers for each live track what its row holds, and says when that should change.
#include "track/stability.h"

#include "util/mem.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

// Classes that one track was taken for; a fifth one takes the place of the weakest.
enum { VOTES_MAX = 4 };

struct vote {
    int32_t class_id;
    int64_t count;
    float score; // best
};

struct record {
    int64_t track_id;
    bool born, seen;
    struct vote votes[VOTES_MAX];
    size_t vote_count;
    int32_t class_id, zone; // of the row
    double picture;         // score times area of the row's picture
    nj_us acted_us;         // newest action
    struct nj_track track;  // newest match
    int32_t track_zone;
};

struct nj_stability {
    struct nj_stability_options options;
    struct record *records; // by track id, as the tracker's array is
    struct record *spare;   // the next records are gathered here
    size_t count;
    struct nj_stability_action *actions; // every track may end while as many are born
    size_t action_count;
};

#define FIELD(member) offsetof(struct nj_stability_options, member)

static const struct nj_option options[] = {
    {.name = "min_hits",
     .type = NJ_OPTION_INT,
     .offset = FIELD(min_hits),
     .min = 1,
     .max = 10000,
     .unit = "matches",
     .fallback = "3",
     .help = "Matches before a tracked object is stored. Raise it when short false alarms are "
             "stored."},
    {.name = "min_age_seconds",
     .type = NJ_OPTION_SECONDS,
     .offset = FIELD(min_age_us),
     .min = 0,
     .max = 3600,
     .unit = "s",
     .fallback = "0.3",
     .help = "Time an object is followed before it is stored."},
    {.name = "update_seconds",
     .type = NJ_OPTION_SECONDS,
     .offset = FIELD(update_us),
     .min = 0,
     .max = 3600,
     .unit = "s",
     .fallback = "1",
     .help = "Least time between two changes of one stored object, but for its end."},
    {.name = "picture_factor",
     .type = NJ_OPTION_NUMBER,
     .offset = FIELD(picture_factor),
     .min = 1.01,
     .max = 100,
     .fallback = "1.5",
     .help = "A new picture replaces the stored one when confidence times area grew by this "
             "factor."},
    {.name = "max_tracks",
     .type = NJ_OPTION_INT,
     .offset = FIELD(max_tracks),
     .min = 1,
     .max = NJ_TRACK_MAX,
     .unit = "tracks",
     .fallback = "512",
     .help = "Bound on live tracks of a source; at least track.max_tracks."},
};

const struct nj_option_group nj_stability_option_group = {
    .name = "stability",
    .title = "Which tracks are stored",
    .options = options,
    .count = NJ_COUNT_OF(options),
    .struct_size = sizeof(struct nj_stability_options),
};

int nj_stability_create(const struct nj_stability_options *given, struct nj_stability **out,
                        struct nj_error *err)
{
    if (given->max_tracks < 1 || given->max_tracks > NJ_TRACK_MAX || !(given->picture_factor > 1))
        return nj_error_set(err, NJ_E_INVALID,
                            "max_tracks must be 1 to %d and picture_factor above 1", NJ_TRACK_MAX);
    struct nj_stability *s = calloc(1, sizeof(*s));
    if (s == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "no memory for stability");
    size_t max = (size_t)given->max_tracks;
    s->options = *given;
    s->records = nj_malloc_array(max, sizeof(*s->records));
    s->spare = nj_malloc_array(max, sizeof(*s->spare));
    s->actions = nj_malloc_array(max * 2, sizeof(*s->actions));
    if (s->records == NULL || s->spare == NULL || s->actions == NULL) {
        nj_stability_destroy(s);
        return nj_error_set(err, NJ_E_NOMEM, "no memory for the stability of %zu tracks", max);
    }
    *out = s;
    return 0;
}

void nj_stability_destroy(struct nj_stability *stability)
{
    if (stability == NULL)
        return;
    free(stability->records);
    free(stability->spare);
    free(stability->actions);
    free(stability);
}

static struct vote *find_vote(struct record *record, int32_t class_id)
{
    struct vote *weakest = &record->votes[0];
    for (size_t i = 0; i < record->vote_count; i++) {
        if (record->votes[i].class_id == class_id)
            return &record->votes[i];
        if (record->votes[i].count < weakest->count)
            weakest = &record->votes[i];
    }
    struct vote *vote =
        record->vote_count < VOTES_MAX ? &record->votes[record->vote_count++] : weakest;
    *vote = (struct vote){.class_id = class_id};
    return vote;
}

static void add_vote(struct record *record, const struct nj_track *track)
{
    struct vote *vote = find_vote(record, track->class_id);
    vote->count++;
    if (track->score > vote->score)
        vote->score = track->score;
}

// The class of the row wins a draw, so that it does not flicker.
static const struct vote *winning_vote(const struct record *record)
{
    const struct vote *best = &record->votes[0];
    for (size_t i = 1; i < record->vote_count; i++) {
        const struct vote *vote = &record->votes[i];
        bool kept = record->born && vote->class_id == record->class_id;
        if (vote->count > best->count || (vote->count == best->count && kept))
            best = vote;
    }
    return best;
}

static void act(struct nj_stability *s, const struct record *record, enum nj_stability_kind kind,
                unsigned changed)
{
    const struct nj_track *track = &record->track;
    const struct vote *vote = winning_vote(record);
    s->actions[s->action_count++] = (struct nj_stability_action){
        .kind = kind,
        .changed = changed,
        .track_id = record->track_id,
        .class_id = vote->class_id,
        .zone = record->track_zone,
        .score = vote->score,
        .x = track->x,
        .y = track->y,
        .w = track->w,
        .h = track->h,
        .input = kind == NJ_STABILITY_END ? -1 : track->input,
        .first_us = track->first_us,
        .last_us = track->last_us,
        .hits = track->hits,
    };
}

static double picture_value(const struct nj_track *track)
{
    return (double)track->score * (double)track->w * (double)track->h;
}

static void remember_row(struct record *record, unsigned changed)
{
    record->class_id = winning_vote(record)->class_id;
    record->zone = record->track_zone;
    record->acted_us = record->track.last_us;
    if (changed & NJ_STABILITY_PICTURE)
        record->picture = picture_value(&record->track);
}

static unsigned find_changes(const struct nj_stability *s, const struct record *record)
{
    unsigned changed = 0;
    if (picture_value(&record->track) >= record->picture * s->options.picture_factor)
        changed |= NJ_STABILITY_PICTURE;
    if (winning_vote(record)->class_id != record->class_id)
        changed |= NJ_STABILITY_CLASS;
    if (record->track_zone != record->zone)
        changed |= NJ_STABILITY_ZONE;
    return changed;
}

// Only a matched track is judged: a predicted box shows nothing.
static void judge(struct nj_stability *s, struct record *record)
{
    const struct nj_track *track = &record->track;
    if (!record->born) {
        if (track->hits < s->options.min_hits || track->state != NJ_TRACK_CONFIRMED ||
            track->last_us - track->first_us < s->options.min_age_us)
            return;
        record->class_id = winning_vote(record)->class_id;
        record->born = true;
        act(s, record, NJ_STABILITY_BORN, NJ_STABILITY_PICTURE);
        remember_row(record, NJ_STABILITY_PICTURE);
        return;
    }
    if (track->last_us - record->acted_us < s->options.update_us)
        return;
    unsigned changed = find_changes(s, record);
    if (changed != 0) {
        act(s, record, NJ_STABILITY_UPDATE, changed);
        remember_row(record, changed);
    }
}

static struct record *find_record(struct nj_stability *s, int64_t track_id)
{
    size_t low = 0, high = s->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (s->records[middle].track_id < track_id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < s->count && s->records[low].track_id == track_id ? &s->records[low] : NULL;
}

static void take_track(struct nj_stability *s, struct record *record, const struct nj_track *track,
                       int32_t zone)
{
    struct record *known = find_record(s, track->id);
    if (known != NULL) {
        known->seen = true;
        *record = *known;
    } else {
        *record = (struct record){.track_id = track->id, .track = *track};
    }
    record->seen = false;
    if (track->input < 0)
        return;
    record->track = *track;
    record->track_zone = zone;
    add_vote(record, track);
    judge(s, record);
}

static void end_missing(struct nj_stability *s)
{
    for (size_t i = 0; i < s->count; i++) {
        if (s->records[i].born && !s->records[i].seen)
            act(s, &s->records[i], NJ_STABILITY_END, 0);
    }
}

int nj_stability_update(struct nj_stability *s, const struct nj_stability_tracks *tracks,
                        const struct nj_stability_action **out, size_t *out_count)
{
    size_t count = tracks->count;
    if (count > (size_t)s->options.max_tracks)
        return NJ_E_TOO_BIG;
    s->action_count = 0;
    for (size_t i = 0; i < count; i++)
        take_track(s, &s->spare[i], &tracks->items[i],
                   tracks->zones != NULL ? tracks->zones[i] : 0);
    end_missing(s);
    struct record *old = s->records;
    s->records = s->spare;
    s->spare = old;
    s->count = count;
    *out = s->actions;
    *out_count = s->action_count;
    return 0;
}

void nj_stability_flush(struct nj_stability *stability, const struct nj_stability_action **out,
                        size_t *out_count)
{
    const struct nj_stability_tracks none = {0};
    nj_stability_update(stability, &none, out, out_count);
}
