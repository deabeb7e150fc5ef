// SPDX-License-Identifier: Apache-2.0
// Metrics registry: finding and making series under a lock, updating them without one.
#include "health/metrics.h"

#include "health/metrics_priv.h"
#include "util/mem.h"
#include "util/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const double nj_stage_bounds[12] = {.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60};

static void metric_destroy(struct nj_metric *metric)
{
    if (!metric)
        return;
    free(metric->label_value);
    free(metric);
}

static struct nj_metric *metric_create(const struct nj_metric_spec *spec, const char *value)
{
    size_t bucket_count = spec->type == NJ_HISTOGRAM ? spec->bound_count + 1 : 0;
    struct nj_metric *metric =
        calloc(1, sizeof(*metric) + bucket_count * sizeof(metric->buckets[0]));
    if (!metric)
        return NULL;
    metric->type = spec->type;
    metric->bounds = spec->bounds;
    metric->bound_count = spec->type == NJ_HISTOGRAM ? spec->bound_count : 0;
    atomic_init(&metric->value, 0.0);
    for (size_t i = 0; i < bucket_count; i++)
        atomic_init(&metric->buckets[i], 0);
    if (value) {
        metric->label_value = nj_strdup(value);
        if (!metric->label_value) {
            free(metric);
            return NULL;
        }
    }
    return metric;
}

struct nj_metrics *nj_metrics_create(void)
{
    struct nj_metrics *metrics = calloc(1, sizeof(*metrics));
    if (!metrics)
        return NULL;
    const struct nj_metric_spec nothing = {.type = NJ_GAUGE, .name = "discard"};
    metrics->discard = metric_create(&nothing, NULL);
    if (!metrics->discard || pthread_mutex_init(&metrics->lock, NULL) != 0) {
        metric_destroy(metrics->discard);
        free(metrics);
        return NULL;
    }
    metrics->discard->discard = true;
    return metrics;
}

static void family_destroy(struct nj_metric_family *family)
{
    for (size_t i = 0; i < family->count; i++)
        metric_destroy(family->series[i]);
    free(family->series);
    free(family);
}

void nj_metrics_destroy(struct nj_metrics *metrics)
{
    if (!metrics)
        return;
    for (size_t i = 0; i < metrics->count; i++)
        family_destroy(metrics->families[i]);
    free(metrics->families);
    metric_destroy(metrics->discard);
    pthread_mutex_destroy(&metrics->lock);
    free(metrics);
}

static bool name_char_valid(char c, bool first, bool colon)
{
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (colon && c == ':'))
        return true;
    return !first && c >= '0' && c <= '9';
}

static bool name_valid(const char *name, bool colon)
{
    if (!name || !*name)
        return false;
    for (const char *c = name; *c; c++) {
        if (!name_char_valid(*c, c == name, colon))
            return false;
    }
    return true;
}

static bool bounds_valid(const struct nj_metric_spec *spec)
{
    if (spec->type != NJ_HISTOGRAM)
        return true;
    if (spec->bound_count > NJ_METRIC_BOUNDS_MAX || (spec->label && !strcmp(spec->label, "le")))
        return false;
    for (size_t i = 0; i < spec->bound_count; i++) {
        if (!isfinite(spec->bounds[i]) || (i > 0 && spec->bounds[i] <= spec->bounds[i - 1]))
            return false;
    }
    return true;
}

static bool spec_valid(const struct nj_metric_spec *spec)
{
    return name_valid(spec->name, true) && (!spec->label || name_valid(spec->label, false)) &&
           bounds_valid(spec);
}

static bool spec_same(const struct nj_metric_spec *a, const struct nj_metric_spec *b)
{
    if (a->type != b->type || !a->label != !b->label ||
        (a->label && strcmp(a->label, b->label) != 0))
        return false;
    if (a->type != NJ_HISTOGRAM)
        return true;
    if (a->bound_count != b->bound_count)
        return false;
    return a->bound_count == 0 ||
           memcmp(a->bounds, b->bounds, a->bound_count * sizeof(a->bounds[0])) == 0;
}

// Binary search; returns where `name` is or belongs.
static size_t family_place(const struct nj_metrics *metrics, const char *name, bool *out_found)
{
    size_t low = 0;
    size_t high = metrics->count;
    *out_found = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(metrics->families[middle]->spec.name, name);
        if (order == 0)
            *out_found = true;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct nj_metric_family *family_get_locked(struct nj_metrics *metrics,
                                                  const struct nj_metric_spec *spec)
{
    bool found;
    size_t place = family_place(metrics, spec->name, &found);
    if (found) {
        struct nj_metric_family *family = metrics->families[place];
        return spec_same(&family->spec, spec) ? family : NULL;
    }
    if (!spec_valid(spec))
        return NULL;
    void *families = metrics->families;
    int code = nj_array_reserve(&families, &metrics->capacity, metrics->count + 1,
                                sizeof(metrics->families[0]));
    metrics->families = families;
    struct nj_metric_family *family = code == 0 ? calloc(1, sizeof(*family)) : NULL;
    if (!family)
        return NULL;
    family->spec = *spec;
    memmove(&metrics->families[place + 1], &metrics->families[place],
            (metrics->count - place) * sizeof(metrics->families[0]));
    metrics->families[place] = family;
    metrics->count++;
    return family;
}

static size_t series_place(const struct nj_metric_family *family, const char *value,
                           bool *out_found)
{
    size_t low = 0;
    size_t high = family->count;
    *out_found = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const char *other = family->series[middle]->label_value;
        int order = value ? strcmp(other, value) : 0;
        if (order == 0)
            *out_found = true;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct nj_metric *series_get_locked(struct nj_metric_family *family, const char *value)
{
    bool found;
    size_t place = series_place(family, value, &found);
    if (!found && family->count >= NJ_METRIC_SERIES_MAX) {
        value = "other";
        place = series_place(family, value, &found);
    }
    if (found)
        return family->series[place];
    void *series = family->series;
    int code =
        nj_array_reserve(&series, &family->capacity, family->count + 1, sizeof(family->series[0]));
    family->series = series;
    struct nj_metric *metric = code == 0 ? metric_create(&family->spec, value) : NULL;
    if (!metric)
        return NULL;
    memmove(&family->series[place + 1], &family->series[place],
            (family->count - place) * sizeof(family->series[0]));
    family->series[place] = metric;
    family->count++;
    return metric;
}

struct nj_metric *nj_metrics_get(struct nj_metrics *metrics, const struct nj_metric_spec *spec,
                                 const char *value)
{
    char clean[NJ_METRIC_VALUE_MAX + 1];
    if (!spec->label)
        value = NULL;
    else if (!value)
        value = "";
    if (value) {
        if (nj_utf8_valid(value, strlen(value)))
            nj_text_copy(clean, sizeof(clean), value);
        else
            nj_text_printable(clean, sizeof(clean), value);
        value = clean;
    }
    pthread_mutex_lock(&metrics->lock);
    struct nj_metric_family *family = family_get_locked(metrics, spec);
    struct nj_metric *metric = family ? series_get_locked(family, value) : NULL;
    pthread_mutex_unlock(&metrics->lock);
    return metric ? metric : metrics->discard;
}

static void value_add(struct nj_metric *metric, double amount)
{
    double before = atomic_load_explicit(&metric->value, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&metric->value, &before, before + amount,
                                                  memory_order_relaxed, memory_order_relaxed)) {
    }
}

void nj_metric_add(struct nj_metric *metric, double amount)
{
    if (metric->discard || metric->type == NJ_HISTOGRAM || isnan(amount))
        return;
    if (metric->type == NJ_COUNTER && amount < 0)
        return;
    value_add(metric, amount);
}

void nj_metric_set(struct nj_metric *metric, double value)
{
    if (metric->discard || metric->type != NJ_GAUGE)
        return;
    atomic_store_explicit(&metric->value, value, memory_order_relaxed);
}

void nj_metric_observe(struct nj_metric *metric, double value)
{
    if (metric->discard || metric->type != NJ_HISTOGRAM || isnan(value))
        return;
    size_t bucket = 0;
    while (bucket < metric->bound_count && value > metric->bounds[bucket])
        bucket++;
    atomic_fetch_add_explicit(&metric->buckets[bucket], 1, memory_order_relaxed);
    value_add(metric, value);
}

double nj_metric_value(const struct nj_metric *metric)
{
    return atomic_load_explicit(&metric->value, memory_order_relaxed);
}

uint64_t nj_metric_count(const struct nj_metric *metric)
{
    if (metric->discard || metric->type != NJ_HISTOGRAM)
        return 0;
    uint64_t count = 0;
    for (size_t i = 0; i <= metric->bound_count; i++)
        count += atomic_load_explicit(&metric->buckets[i], memory_order_relaxed);
    return count;
}

int nj_metrics_add_collector(struct nj_metrics *metrics, void (*fn)(void *arg), void *arg)
{
    pthread_mutex_lock(&metrics->lock);
    int code = NJ_E_FULL;
    if (metrics->collector_count < NJ_METRIC_COLLECTORS_MAX) {
        metrics->collectors[metrics->collector_count++] =
            (struct nj_metric_collector){.fn = fn, .arg = arg};
        code = 0;
    }
    pthread_mutex_unlock(&metrics->lock);
    return code;
}
