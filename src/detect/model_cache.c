// SPDX-License-Identifier: Apache-2.0
// Loaded models by content: who comes first loads, the others wait; who is not used may go.
#include "detect/model_cache.h"

#include "detect/model_size_priv.h"
#include "loop/thread.h"
#include "util/file.h"
#include "util/list.h"
#include "util/mem.h"
#include "util/strmap.h"
#include "util/text.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

// A network of hundreds of megabytes takes seconds to load; one that takes longer hangs.
static const nj_us load_patience_us = 120 * (nj_us)NJ_US_PER_S;

enum load_state { LOADING, READY, FAILED };

struct entry {
    char key[NJ_SHA256_HEX_SIZE];
    enum load_state state;
    struct nj_detector *detector; // READY
    struct nj_error error;        // FAILED
    int64_t references;           // users and those who wait to become one
    int64_t bytes;
    struct nj_list node; // in `unused`, or alone
};

struct nj_model_cache {
    struct nj_detect_options detect; // of every model but for its path
    const struct nj_clock *clock;
    struct nj_log *log;
    struct nj_metric *metric_models, *metric_bytes;
    struct nj_metric *metric_hits, *metric_loads, *metric_failed, *metric_evicted;

    pthread_t cleaner; // frees what `put` must not wait for
    bool has_cleaner;

    pthread_mutex_t mutex;
    pthread_cond_t cond; // a load has ended; the cleaner has something to do
    // The following fields are protected by the mutex.
    struct nj_list doomed; // in no list of the cache any more
    bool closing;
    struct nj_strmap *entries; // by key: LOADING and READY
    struct nj_list unused;     // READY without references, least recently used first
    struct nj_model_cache_stats stats;
};

static void find_metrics(struct nj_model_cache *cache, struct nj_metrics *metrics)
{
    static const struct nj_metric_spec models = {
        .type = NJ_GAUGE, .name = "model_cache_models", .help = "Models that are loaded"};
    static const struct nj_metric_spec bytes = {.type = NJ_GAUGE,
                                                .name = "model_cache_bytes",
                                                .help = "Memory of the loaded models, estimated"};
    static const struct nj_metric_spec events = {.type = NJ_COUNTER,
                                                 .name = "model_cache_events_total",
                                                 .help = "What happened to models, by kind",
                                                 .label = "event"};
    if (metrics == NULL)
        return;
    cache->metric_models = nj_metrics_get(metrics, &models, NULL);
    cache->metric_bytes = nj_metrics_get(metrics, &bytes, NULL);
    cache->metric_hits = nj_metrics_get(metrics, &events, "hit");
    cache->metric_loads = nj_metrics_get(metrics, &events, "load");
    cache->metric_failed = nj_metrics_get(metrics, &events, "failed");
    cache->metric_evicted = nj_metrics_get(metrics, &events, "evicted");
}

static void count(struct nj_metric *metric, uint64_t *counter)
{
    (*counter)++;
    if (metric != NULL)
        nj_metric_add(metric, 1);
}

static void show_size_locked(const struct nj_model_cache *cache)
{
    if (cache->metric_models == NULL)
        return;
    nj_metric_set(cache->metric_models, (double)cache->stats.models);
    nj_metric_set(cache->metric_bytes, (double)cache->stats.bytes);
}

static void free_entry(struct entry *entry)
{
    if (entry == NULL)
        return;
    nj_detector_destroy(entry->detector);
    free(entry);
}

// Called from: cleaner.
static void clean(void *arg)
{
    struct nj_model_cache *cache = arg;
    pthread_mutex_lock(&cache->mutex);
    while (!cache->closing || !nj_list_empty(&cache->doomed)) {
        struct nj_list *node = nj_list_pop(&cache->doomed);
        if (node == NULL) {
            (void)nj_cond_wait(&cache->cond, &cache->mutex, -1);
            continue;
        }
        pthread_mutex_unlock(&cache->mutex);
        free_entry(NJ_CONTAINER_OF(node, struct entry, node));
        pthread_mutex_lock(&cache->mutex);
    }
    pthread_mutex_unlock(&cache->mutex);
}

int nj_model_cache_create(const struct nj_model_cache_config *config, struct nj_model_cache **out,
                          struct nj_error *err)
{
    struct nj_model_cache *cache = calloc(1, sizeof *cache);
    if (cache == NULL)
        return nj_error_set(err, NJ_E_NOMEM, "no memory for the model cache");
    cache->detect = *config->detect;
    cache->detect.threshold = -1; // the camera's detector's, as are its classes
    cache->detect.classes = (struct nj_text_list){0};
    cache->clock = config->clock;
    cache->log = config->log;
    nj_list_init(&cache->unused);
    nj_list_init(&cache->doomed);
    cache->entries = nj_strmap_create(NULL);
    if (cache->entries == NULL || nj_cond_init(&cache->cond) != 0) {
        nj_strmap_destroy(cache->entries);
        free(cache);
        return nj_error_set(err, NJ_E_NOMEM, "no memory for the model cache");
    }
    pthread_mutex_init(&cache->mutex, NULL);
    cache->stats.budget_bytes = config->options->budget_bytes;
    find_metrics(cache, config->metrics);
    int rc = nj_thread_start(&cache->cleaner, "nj-model-free", clean, cache, err);
    cache->has_cleaner = rc == 0;
    if (rc != 0)
        nj_model_cache_destroy(cache);
    else
        *out = cache;
    return rc;
}

// Takes what nobody uses out of the cache until `room` more bytes fit, oldest first. The caller
// frees what is in `out` after it has let go of the mutex.
static void evict_locked(struct nj_model_cache *cache, int64_t room, struct nj_list *out)
{
    while (cache->stats.bytes + room > cache->stats.budget_bytes) {
        struct nj_list *node = nj_list_pop(&cache->unused);
        if (node == NULL)
            break;
        struct entry *entry = NJ_CONTAINER_OF(node, struct entry, node);
        nj_strmap_remove(cache->entries, entry->key);
        cache->stats.models--;
        cache->stats.bytes -= entry->bytes;
        count(cache->metric_evicted, &cache->stats.evicted);
        nj_list_append(out, node);
    }
    show_size_locked(cache);
}

static void free_evicted(struct nj_list *evicted)
{
    for (struct nj_list *node; (node = nj_list_pop(evicted)) != NULL;)
        free_entry(NJ_CONTAINER_OF(node, struct entry, node));
}

void nj_model_cache_destroy(struct nj_model_cache *cache)
{
    if (cache == NULL)
        return;
    pthread_mutex_lock(&cache->mutex);
    cache->closing = true;
    pthread_cond_broadcast(&cache->cond);
    pthread_mutex_unlock(&cache->mutex);
    if (cache->has_cleaner)
        nj_thread_join(cache->cleaner);
    free_evicted(&cache->unused);
    nj_strmap_destroy(cache->entries);
    pthread_cond_destroy(&cache->cond);
    pthread_mutex_destroy(&cache->mutex);
    free(cache);
}

// Waits until the load of an entry that the caller has a reference to has ended.
static int wait_for_load_locked(struct nj_model_cache *cache, struct entry *entry,
                                struct nj_error *err)
{
    int rc = 0;
    while (rc == 0 && entry->state == LOADING)
        rc = nj_cond_wait(&cache->cond, &cache->mutex, load_patience_us);
    if (entry->state == READY) {
        count(cache->metric_hits, &cache->stats.hits);
        return 0;
    }
    entry->references--;
    if (entry->state == LOADING)
        return nj_error_set(err, NJ_E_TIMEOUT, "the model is being loaded for too long");
    rc = nj_error_set(err, entry->error.code, "%s", entry->error.text);
    if (entry->references == 0) // a failed one is in no list any more
        free_entry(entry);
    return rc;
}

// The entry of the key with a reference more; *out_load: it is new and the caller loads it.
static int find_or_add_locked(struct nj_model_cache *cache, const char *key, struct entry **out,
                              bool *out_load)
{
    struct entry *entry = nj_strmap_get(cache->entries, key);
    *out_load = entry == NULL;
    if (entry == NULL) {
        entry = calloc(1, sizeof *entry);
        if (entry == NULL || nj_strmap_set(cache->entries, key, entry) != 0) {
            free(entry);
            return NJ_E_NOMEM;
        }
        nj_text_copy(entry->key, sizeof entry->key, key);
        nj_list_init(&entry->node);
    }
    if (entry->references++ == 0 && entry->state == READY) {
        nj_list_remove(&entry->node);
        cache->stats.in_use++;
    }
    *out = entry;
    return 0;
}

static int load(struct nj_model_cache *cache, const char *manifest_path, struct nj_detector **out,
                struct nj_error *err)
{
    struct nj_detect_options options = cache->detect;
    options.model = manifest_path;
    const struct nj_detector_config config = {
        .options = &options, .clock = cache->clock, .log = cache->log};
    return nj_detector_create(&config, out, err);
}

static void end_load_locked(struct nj_model_cache *cache, struct entry *entry)
{
    if (entry->state == READY) {
        count(cache->metric_loads, &cache->stats.loads);
        cache->stats.models++;
        cache->stats.in_use++;
        cache->stats.bytes += entry->bytes;
    } else {
        count(cache->metric_failed, &cache->stats.failed);
        nj_strmap_remove(cache->entries, entry->key); // the next one tries again
    }
    show_size_locked(cache);
    pthread_cond_broadcast(&cache->cond);
}

// Loads the entry that this caller has put in place.
static int load_entry(struct nj_model_cache *cache, struct entry *entry, const char *manifest_path,
                      const struct nj_model_size *size, struct nj_error *err)
{
    struct nj_list evicted;
    struct nj_detector *detector = NULL;
    struct nj_error error = {0};
    nj_list_init(&evicted);
    pthread_mutex_lock(&cache->mutex);
    for (struct nj_list *node; (node = nj_list_pop(&cache->doomed)) != NULL;)
        nj_list_append(&evicted, node); // their memory is needed now
    evict_locked(cache, size->bytes, &evicted);
    pthread_mutex_unlock(&cache->mutex);
    free_evicted(&evicted);

    const int rc = load(cache, manifest_path, &detector, &error);
    pthread_mutex_lock(&cache->mutex);
    entry->state = rc == 0 ? READY : FAILED;
    entry->detector = detector;
    entry->bytes = size->bytes;
    entry->error = error;
    end_load_locked(cache, entry);
    evict_locked(cache, 0, &evicted); // others may have loaded at the same time
    const bool last = rc != 0 && --entry->references == 0;
    pthread_mutex_unlock(&cache->mutex);
    free_evicted(&evicted);
    if (last)
        free_entry(entry);
    return rc == 0 ? 0 : nj_error_set(err, rc, "%s", error.text);
}

int nj_model_cache_get(struct nj_model_cache *cache, const char *manifest_path,
                       struct nj_detector **out, struct nj_error *err)
{
    struct nj_model_size size;
    struct entry *entry = NULL;
    bool is_new = false;
    int rc = nj_model_size_read(manifest_path, cache->detect.engine, &size, err);
    if (rc != 0) {
        pthread_mutex_lock(&cache->mutex);
        count(cache->metric_failed, &cache->stats.failed);
        pthread_mutex_unlock(&cache->mutex);
        return rc;
    }
    pthread_mutex_lock(&cache->mutex);
    rc = find_or_add_locked(cache, size.key, &entry, &is_new);
    if (rc == 0 && !is_new)
        rc = wait_for_load_locked(cache, entry, err);
    else if (rc != 0)
        nj_error_set(err, rc, "no memory for a model");
    pthread_mutex_unlock(&cache->mutex);
    if (rc == 0 && is_new)
        rc = load_entry(cache, entry, manifest_path, &size, err);
    if (rc != 0)
        return rc;
    // What is doomed has no reference, which the analyser does not see.
    *out = entry->detector; // NOLINT(clang-analyzer-unix.Malloc)
    return 0;
}

static struct entry *find_user_locked(const struct nj_model_cache *cache,
                                      const struct nj_detector *detector)
{
    size_t cursor = 0;
    const char *key = NULL;
    void *value = NULL;
    while (nj_strmap_next(cache->entries, &cursor, &key, &value)) {
        struct entry *entry = value;
        if (entry->detector == detector)
            return entry;
    }
    return NULL;
}

void nj_model_cache_put(struct nj_model_cache *cache, struct nj_detector *detector)
{
    if (detector == NULL)
        return;
    pthread_mutex_lock(&cache->mutex);
    struct entry *entry = find_user_locked(cache, detector);
    if (entry != NULL && --entry->references == 0) {
        cache->stats.in_use--;
        nj_list_append(&cache->unused, &entry->node);
        evict_locked(cache, 0, &cache->doomed);
        pthread_cond_broadcast(&cache->cond);
    }
    pthread_mutex_unlock(&cache->mutex);
}

void nj_model_cache_get_stats(struct nj_model_cache *cache, struct nj_model_cache_stats *out)
{
    pthread_mutex_lock(&cache->mutex);
    *out = cache->stats;
    pthread_mutex_unlock(&cache->mutex);
}
