// SPDX-License-Identifier: Apache-2.0
// Points per circumstance, added up, with the sum told in words.
#include "analysis/rules.h"

#include "util/json_writer.h"
#include "util/mem.h"
#include "util/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

// The table of points. A resident at noon ends low, a lone visitor medium, a stranger who stays at
// night high; critical needs several circumstances together.
static const struct class_points {
    const char *name;
    int points;
    bool by_night; // night adds to it
} class_table[] = {
    {"person", 30, true}, {"bear", 45, true},       {"car", 15, true},     {"truck", 18, true},
    {"bus", 12, false},   {"motorcycle", 18, true}, {"bicycle", 14, true}, {"dog", 8, false},
    {"cat", 4, false},    {"bird", 2, false},       {"horse", 8, false},
};

enum {
    OTHER_CLASS_POINTS = 6,
    FURTHER_PERSON_POINTS = 6,
    FURTHER_PERSON_MAX = 18,
    DWELL_SECONDS_PER_POINT = 5,
    DWELL_MAX = 15,
    NIGHT_POINTS = 22,
    EDGE_OF_DAY_POINTS = 8,
    FIRST_IN_HOUR_POINTS = 5,
    BUSY_HOUR_EVENTS = 4,
    BUSY_HOUR_POINTS = -8,
    UNSURE_POINTS = -8,
    NIGHT_FROM_HOUR = 22,
    NIGHT_TO_HOUR = 6,
    DAY_FROM_HOUR = 8,
    EVENING_FROM_HOUR = 20,
};
static const double unsure_below = 0.5; // surest detection of the batch

struct scoring {
    const struct nj_analysis_context *context;
    struct nj_finding *finding;
    struct nj_buf breakdown;
    struct nj_json_writer writer;
    int sum;
};

__attribute__((format(printf, 3, 4))) static void add(struct scoring *scoring, int points,
                                                      const char *format, ...)
{
    if (points == 0)
        return;
    char what[128];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    nj_json_object_begin(&scoring->writer, NULL);
    nj_json_text(&scoring->writer, "what", what);
    nj_json_int(&scoring->writer, "points", points);
    nj_json_object_end(&scoring->writer);
    char *reasoning = scoring->finding->reasoning;
    size_t used = strlen(reasoning);
    snprintf(reasoning + used, sizeof scoring->finding->reasoning - used, "%s%s (%+d)",
             used > 0 ? "; " : "", what, points);
    scoring->sum += points;
}

static const struct class_points *points_of(const char *name)
{
    for (size_t i = 0; i < NJ_COUNT_OF(class_table); i++)
        if (nj_text_equal_nocase(class_table[i].name, name))
            return &class_table[i];
    return NULL;
}

size_t nj_rules_count_classes(const struct nj_analysis_context *context,
                              struct nj_class_count out[NJ_CLASS_COUNTS_MAX])
{
    size_t used = 0;
    for (size_t i = 0; i < context->detection_count; i++) {
        const char *name = context->detections[i].object_type;
        size_t k = 0;
        while (k < used && strcmp(out[k].name, name) != 0)
            k++;
        if (k == used) {
            if (used == NJ_CLASS_COUNTS_MAX)
                continue;
            out[used++] = (struct nj_class_count){.name = name};
        }
        out[k].count += 1;
        for (; k > 0 && out[k].count > out[k - 1].count; k--) {
            struct nj_class_count swap = out[k];
            out[k] = out[k - 1];
            out[k - 1] = swap;
        }
    }
    return used;
}

// Tracks overlap in time; detections of uploads share a picture (two pictures may have one capture
// time, as EXIF counts in seconds).
static bool together(const struct nj_detection_row *first, const struct nj_detection_row *other)
{
    if (first->track_id > 0)
        return other->detected_us <= first->detected_us && other->ended_us >= first->detected_us;
    return other->detected_us == first->detected_us &&
           other->video_offset_ms == first->video_offset_ms &&
           strcmp(other->file_path, first->file_path) == 0;
}

// Most objects of the class at one moment: the same person on five pictures is one person.
static size_t most_at_once(const struct nj_analysis_context *context, const char *name)
{
    size_t most = 0;
    for (size_t i = 0; i < context->detection_count; i++) {
        const struct nj_detection_row *first = &context->detections[i];
        if (!nj_text_equal_nocase(first->object_type, name))
            continue;
        size_t count = 0;
        for (size_t k = 0; k < context->detection_count; k++) {
            const struct nj_detection_row *other = &context->detections[k];
            if (together(first, other) && nj_text_equal_nocase(other->object_type, name))
                count += 1;
        }
        most = count > most ? count : most;
    }
    return most;
}

static void score_classes(struct scoring *scoring, const struct nj_class_count *classes,
                          size_t count, bool *out_by_night)
{
    const char *name = NULL;
    int points = 0;
    for (size_t i = 0; i < count; i++) {
        const struct class_points *row = points_of(classes[i].name);
        int here = row != NULL ? row->points : OTHER_CLASS_POINTS;
        *out_by_night = *out_by_night || (row != NULL && row->by_night);
        if (name == NULL || here > points) {
            name = classes[i].name;
            points = here;
        }
    }
    if (name != NULL)
        add(scoring, points, "%s seen", name);
    size_t persons = most_at_once(scoring->context, "person");
    if (persons > 1) {
        int further = (int)(persons - 1) * FURTHER_PERSON_POINTS;
        add(scoring, further < FURTHER_PERSON_MAX ? further : FURTHER_PERSON_MAX,
            "%zu persons at once", persons);
    }
}

static nj_us presence_us(const struct nj_analysis_context *context)
{
    nj_us first = context->batch.started_us;
    nj_us last = context->batch.last_activity_us;
    for (size_t i = 0; i < context->detection_count; i++)
        if (context->detections[i].ended_us > last)
            last = context->detections[i].ended_us;
    return last > first ? last - first : 0;
}

static void score_time(struct scoring *scoring, bool by_night)
{
    int seconds = (int)(presence_us(scoring->context) / NJ_US_PER_S);
    int dwell = seconds / DWELL_SECONDS_PER_POINT;
    add(scoring, dwell < DWELL_MAX ? dwell : DWELL_MAX, "went on for %d s", seconds);
    const struct nj_local_time *local = &scoring->context->local;
    if (!by_night)
        return;
    if (local->hour >= NIGHT_FROM_HOUR || local->hour < NIGHT_TO_HOUR)
        add(scoring, NIGHT_POINTS, "at night (%02d:%02d)", local->hour, local->minute);
    else if (local->hour >= EVENING_FROM_HOUR || local->hour < DAY_FROM_HOUR)
        add(scoring, EDGE_OF_DAY_POINTS, "early or late (%02d:%02d)", local->hour, local->minute);
}

static void score_custom(struct scoring *scoring)
{
    int64_t recent = scoring->context->recent_events;
    if (recent == 0)
        add(scoring, FIRST_IN_HOUR_POINTS, "nothing else here in the last hour");
    else if (recent >= BUSY_HOUR_EVENTS)
        add(scoring, BUSY_HOUR_POINTS, "a busy hour (%lld%s events)", (long long)recent,
            recent == NJ_EVENTS_RECENT_MAX ? " or more" : "");
    double surest = 0;
    for (size_t i = 0; i < scoring->context->detection_count; i++)
        if (scoring->context->detections[i].confidence > surest)
            surest = scoring->context->detections[i].confidence;
    if (surest < unsure_below)
        add(scoring, UNSURE_POINTS, "the detector is unsure (%.2f)", surest);
}

static void write_summary(const struct nj_analysis_context *context,
                          const struct nj_class_count *classes, size_t count, char *out,
                          size_t size)
{
    char seen[256] = "";
    for (size_t i = 0; i < count && i < 4; i++) {
        size_t used = strlen(seen);
        snprintf(seen + used, sizeof seen - used, "%s%s", i > 0 ? ", " : "", classes[i].name);
    }
    int seconds = (int)(presence_us(context) / NJ_US_PER_S);
    if (seconds > 0)
        snprintf(out, size, "%s at %s for %d s", seen, context->camera_name, seconds);
    else
        snprintf(out, size, "%s at %s", seen, context->camera_name);
    if (out[0] >= 'a' && out[0] <= 'z')
        out[0] = (char)(out[0] - 'a' + 'A');
}

static int analyse(void *analyser, const struct nj_analysis_context *context,
                   const struct nj_cancel *cancel, struct nj_finding *out, struct nj_error *err)
{
    (void)analyser;
    (void)cancel;
    if (context->detection_count == 0)
        return nj_error_set(err, NJ_E_INVALID, "batch %s holds no detections", context->batch.id);
    struct nj_finding finding = {.analyser = nj_analyser_rules.name};
    struct scoring scoring = {.context = context, .finding = &finding};
    struct nj_class_count classes[NJ_CLASS_COUNTS_MAX] = {{0}};
    size_t count = nj_rules_count_classes(context, classes);
    nj_buf_init(&scoring.breakdown, sizeof finding.breakdown - 1);
    nj_json_init(&scoring.writer, &scoring.breakdown);
    nj_json_array_begin(&scoring.writer, NULL);
    bool by_night = false;
    score_classes(&scoring, classes, count, &by_night);
    score_time(&scoring, by_night);
    score_custom(&scoring);
    nj_json_array_end(&scoring.writer);
    int rc = nj_buf_failed(&scoring.breakdown);
    if (rc == 0) {
        snprintf(finding.breakdown, sizeof finding.breakdown, "%s", scoring.breakdown.data);
        finding.risk_score = scoring.sum < 0 ? 0 : scoring.sum > 100 ? 100 : scoring.sum;
        write_summary(context, classes, count, finding.summary, sizeof finding.summary);
        *out = finding;
    }
    nj_buf_finish(&scoring.breakdown);
    return rc == 0 ? 0 : nj_error_set(err, rc, "batch %s: no memory to score", context->batch.id);
}

static int create(const void *options, const struct nj_clock *clock, void **out,
                  struct nj_error *err)
{
    (void)options;
    (void)clock;
    (void)err;
    *out = NULL; // no state
    return 0;
}

static void destroy(void *analyser)
{
    (void)analyser;
}

const struct nj_analyser_driver nj_analyser_rules = {
    .name = "rules",
    .create = create,
    .destroy = destroy,
    .analyse = analyse,
};
